import { ACCESS_LOG_STREAM, accessRetention } from '#domain/capabilities/access-retention/access-retention.decider.js';
import { ledgerBreaks } from '#domain/capabilities/ledger-breaks/ledger-breaks.decider.js';
import { SYSTEM_TENANT } from '#domain/kernel/streams.js';
import { idFor } from '#infra/commands/ids.js';
import { exportLog } from '#infra/ledger/log-export.js';
import { type Acknowledgement, LedgerRefused } from '#infra/ledger/refusal.js';
import { NotSealed } from '#infra/ledger/proofs.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { Ledger } from '#infra/platform/ledger.js';
import type { Platform } from '#infra/platform/platform.js';
import { systemFacts } from './keys.js';
import { optionalText, plain, textArg, UsageError, withProgress, type Operation } from './operation.js';
import type { OperationContext } from './operation.js';
import { findEvent } from './positions.js';

const LINES = 200;

/** Seals what the log holds and gives the newest signed checkpoint. */
async function checkpointOf({ ledger }: OperationContext) {
  await ledger.sealer.sealNow();
  try {
    return await ledger.proofs.latestCheckpoint();
  } catch (error) {
    if (error instanceof NotSealed) throw new UsageError('the log is empty: there is nothing to sign yet');
    throw error;
  }
}

export const ledgerCheckpoint: Operation = async function* (context) {
  const { timeline, size, root, note, createdAt } = await checkpointOf(context);
  const { vkey } = context.ledger.sealer;
  yield { timeline, size, root: Buffer.from(root).toString('base64'), created_at: createdAt, vkey, note };
};

/** The lines of an evidence file, some at a time. */
export const ledgerProve: Operation = async function* (context, args) {
  const asked = textArg(args, 'event');
  const event = await findEvent(context.platform.log, context.ledger, asked);
  if (event === undefined) throw new UsageError(`there is no event ${asked}`);
  await checkpointOf(context);
  const previous = optionalText(args, 'previous');
  yield* inParts(context.ledger.proofs.evidence({ kind: 'events', ids: [event.id] }, previous));
};

async function* inParts(lines: AsyncIterable<string>) {
  let part: string[] = [];
  for await (const line of lines) {
    if (part.push(line) < LINES) continue;
    yield { text: part.join('') };
    part = [];
  }
  yield { text: part.join('') };
}

/** The ledger of the log that is named, the domain log by default. */
function ledgerOf({ ledger, accessLedger }: OperationContext, args: JsonObject): Ledger {
  const log = textArg(args, 'log', 'domain');
  if (log !== 'domain' && log !== 'access') throw new UsageError(`there is no log ${log}; there are domain and access`);
  return log === 'access' ? accessLedger : ledger;
}

/** Verifies the domain log, or the access log as far as retention left it. */
export const ledgerVerify: Operation = async function* (context, args) {
  const { audit, sealer } = ledgerOf(context, args);
  const { path } = context.platform;
  const isAccess = sealer.store.log === 'access';
  const cut = isAccess ? await path.load(accessRetention, SYSTEM_TENANT, ACCESS_LOG_STREAM) : undefined;
  yield* withProgress((tell: (progress: { checked: number; size: number }) => void) =>
    audit.verifyLog((checked, size) => tell({ checked, size }), cut?.position),
  );
};

export const ledgerAcknowledge: Operation = async function* (context, args) {
  const reason = textArg(args, 'reason');
  const { platform } = context;
  const ledger = ledgerOf(context, args);
  try {
    await ledger.sealer.sealNow();
  } catch (error) {
    if (!(error instanceof LedgerRefused)) throw error;
    const acknowledgement = await ledger.sealer.acknowledge(reason, 'operator');
    await recordBreak(platform, acknowledgement);
    yield plain(acknowledgement);
    return;
  }
  throw new UsageError('the ledger has refused nothing, so there is nothing to acknowledge');
};

export const logExport: Operation = async function* (context) {
  const checkpoint = await checkpointOf(context);
  yield { events: checkpoint.size };
  const { log: events } = context.platform;
  yield* inParts(exportLog({ events, checkpoint, vkey: context.ledger.sealer.vkey }));
};

/** History broke, and somebody took it upon them: that is an event of the history that goes on. */
async function recordBreak(platform: Platform, acknowledgement: Acknowledgement): Promise<void> {
  const { log, timeline, reason, refusal, abandoned } = acknowledgement;
  const data = { log, timeline, reason, refusal: refusal.kind, abandoned };
  const streamId = idFor('ledgerBreaks', SYSTEM_TENANT, log);
  const facts = systemFacts(SYSTEM_TENANT, 'operator');
  await platform.path.run(ledgerBreaks, streamId, { type: 'AcknowledgeLedgerBreak', data }, facts);
}
