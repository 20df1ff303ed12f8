import { SYSTEM_TENANT } from '../../kernel/streams.js';
import { ACCESS_LOG_STREAM, accessRetention } from './access-retention.decider.js';
import type { AccessRetentionPorts } from './access-retention.ports.js';

/**
 * Cuts the access log at the last border of sealed tiles before an instant; gives how many events went. The cut is told before
 * it is made, so that one that was interrupted is made whole by the next.
 */
export async function cutAccessLogBefore(
  recordedBefore: string,
  run: { readonly commandId: string; readonly signal: AbortSignal },
  { commands, accessLog }: AccessRetentionPorts,
): Promise<number> {
  const plan = await accessLog.cutFor(recordedBefore);
  if (plan !== undefined) {
    const command = { type: 'CutAccessLog', data: plan } as const;
    await commands.run(accessRetention, SYSTEM_TENANT, ACCESS_LOG_STREAM, command, run.commandId);
  }
  const { position } = await commands.load(accessRetention, SYSTEM_TENANT, ACCESS_LOG_STREAM);
  return position === null ? 0 : accessLog.remove(position, run.signal);
}
