/** The SQLSTATE of an error, or the code of the system's; '' where it has none. */
export function databaseCodeOf(error: unknown): string {
  const code = typeof error === 'object' && error !== null ? (error as { code?: unknown }).code : undefined;
  return typeof code === 'string' ? code : '';
}

const lostMessages = [
  'Connection terminated',
  'connection terminated',
  'Client has encountered',
  'timeout exceeded when trying to connect',
];
const lostCodes = ['ECONNRESET', 'ECONNREFUSED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND'];

/** True when the connection broke, so that whether the statement took effect is not known. */
export function isConnectionLoss(error: unknown): boolean {
  const code = databaseCodeOf(error);
  if (code.startsWith('08') || code.startsWith('57P') || lostCodes.includes(code)) return true;
  return error instanceof Error && lostMessages.some((part) => error.message.includes(part));
}

/** True for errors that may pass by themselves: serialization, deadlock, lost connection, no resources, lock timeout. */
export function isTransient(error: unknown): boolean {
  const code = databaseCodeOf(error);
  return ['40001', '40P01', '55P03', '57014'].includes(code) || code.startsWith('53') || isConnectionLoss(error);
}
