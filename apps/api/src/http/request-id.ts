import { newId } from '#infra/commands/ids.js';

const ACCEPTED = /^[A-Za-z0-9._:-]{1,128}$/;

/** The client's own id when it is short and harmless, else a new one; it is in every answer, log line and audit row. */
export function requestIdFrom(header: string | readonly string[] | undefined): string {
  return typeof header === 'string' && ACCEPTED.test(header) ? header : newId();
}
