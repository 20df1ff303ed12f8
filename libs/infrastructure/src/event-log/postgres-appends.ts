import type { Database } from '#infra/database/database.js';
import type { Statement } from '#infra/database/prepared.js';
import { databaseCodeOf, isConnectionLoss, isTransient } from '#infra/database/database-errors.js';
import { CompanionGroups, noteLeftOut, storedEarlier } from './companions.js';
import { fittingArguments, fittingOutcomes, isUsual, type FittingRow } from './fitting-appends.js';
import {
  AppendOutcomeUnknown,
  LogUnavailable,
  WriterFenced,
  WrongExpectedRevision,
  type AppendResult,
  type Expected,
} from './event-log.js';
import { positionOf, type PreparedAppend } from './prepared-append.js';

interface VerdictRow {
  readonly verdict: 'o' | 'd' | 'c';
  readonly revision: string;
  readonly position: string;
  /** Null where nothing was written. */
  readonly recorded_at: string | null;
}

/** What became of each append of a batch, in order, and when those that were written were. */
export interface Appended {
  readonly outcomes: readonly (AppendResult | Error)[];
  /** Of those that were written, all at one time; undefined where none was. */
  readonly recordedAt: string | undefined;
}

/** The second takes appends under a write freeze too. */
export type AppendFunction = 'append_batch' | 'append_under_freeze';

/** Canonical JSON has no raw control character, so joined texts need no escaping on either side. */
const SEPARATOR = '\u001f';

const split = (parameter: number): string => `string_to_array($${parameter}::text, e'\\x1f')`;

const statementOf = (name: AppendFunction): string => `
  select v.verdict, v.revision, v."position", v.recorded_at::text as recorded_at,
         case when v.verdict <> 'o' then ${noteLeftOut('v.number')} end
    from log.${name}($1, $2, $3, $4, $5, $6, $7, $8, $9, ${split(10)}, ${split(11)})
         with ordinality v(verdict, revision, "position", recorded_at, number)`;

const statements = {
  append_batch: statementOf('append_batch'),
  append_under_freeze: statementOf('append_under_freeze'),
};

const FITTING = `
  select f.base, f.recorded_at::text as recorded_at
    from log.append_fitting($1, $2, $3, $4, $5, $6, $7, $8, $9, ${split(10)}, ${split(11)}, $12) f`;

/** An append did not fit after all (NX004), a deadlock, a clash of ids: nothing was stored. */
const TRIED_AGAIN = ['NX004', '40001', '40P01', '23505'];

const ATTEMPTS = 5;

/**
 * Sends a batch as one call of log.append_batch, or of its like, and the companions after it in the same transaction. A batch of the usual
 * kind goes to log.append_fitting first. Deadlocks and clashing ids left nothing behind and are tried again; a connection lost after the
 * call was sent rejects with `AppendOutcomeUnknown`.
 */
export async function appendBatch(
  database: Database,
  log: number,
  epoch: number,
  batch: readonly PreparedAppend[],
  by: AppendFunction = 'append_batch',
): Promise<Appended> {
  const values = paramsOf(log, epoch, batch);
  const usual = by === 'append_batch' && isUsual(batch);
  for (let attempt = 1; ; attempt += 1) {
    const progress = { sent: false };
    try {
      return await database.detached(() =>
        database.session(() => {
          progress.sent = true;
          return usual && attempt === 1
            ? sendFitting(database, { text: FITTING, values: [...values, ...fittingArguments(batch)] }, batch)
            : send(database, { text: statements[by], values }, batch);
        }),
      );
    } catch (error) {
      if (attempt >= ATTEMPTS || !TRIED_AGAIN.includes(databaseCodeOf(error))) {
        throw errorOf(error, progress.sent, batch[0]?.stream ?? '');
      }
    }
  }
}

async function sendFitting(database: Database, append: Statement, batch: readonly PreparedAppend[]): Promise<Appended> {
  const beside = new CompanionGroups(batch);
  const [[row] = [], ...written] = await database.atomically([append, ...beside.statements()]);
  if (row === undefined) throw new Error('appends that fit were told without a place');
  const { base, recorded_at: recordedAt } = row as unknown as FittingRow;
  return { outcomes: fittingOutcomes(batch, BigInt(base), beside.storedIn(written)), recordedAt };
}

async function send(database: Database, append: Statement, batch: readonly PreparedAppend[]): Promise<Appended> {
  const beside = new CompanionGroups(batch);
  const [first = [], ...written] = await database.atomically([append, ...beside.statements()]);
  const verdicts = first as unknown as readonly VerdictRow[];
  const stored = beside.storedIn(written);
  const earlier = await storedEarlier(database, batch, (at) => verdicts[at]?.verdict === 'd').catch(
    (cause: unknown) => {
      // The batch is stored by now, whatever this was.
      throw new AppendOutcomeUnknown(batch[0]?.stream ?? '', { cause });
    },
  );
  const outcomes = batch.map((one, at) =>
    outcomeOf(
      one,
      verdicts[at],
      one.companions.map((_, own) => stored[at]?.[own] === true || earlier[at]?.[own] === true),
    ),
  );
  return { outcomes, recordedAt: verdicts.find(({ recorded_at: at }) => at !== null)?.recorded_at ?? undefined };
}

function paramsOf(log: number, epoch: number, batch: readonly PreparedAppend[]): unknown[] {
  const owners: number[] = [];
  const events = batch.flatMap((append, at) => {
    for (let n = 0; n < append.events.length; n += 1) owners.push(at + 1);
    return append.events;
  });
  return [
    log,
    epoch,
    batch.map((append) => append.stream),
    batch.map((append) => expectedCode(append.expected)),
    batch.map((append) => append.events.length),
    owners,
    `{${events.map((event) => event.id).join(',')}}`,
    events.map((event) => event.type),
    events.map((event) => event.schemaVersion),
    events.map((event) => event.data).join(SEPARATOR),
    events.map((event) => event.metadata).join(SEPARATOR),
  ];
}

function expectedCode(expected: Expected): number {
  if (expected === 'no-stream') return -1;
  if (expected === 'any') return -2;
  if (expected === 'stream-exists') return -3;
  return expected.revision;
}

function outcomeOf(
  append: PreparedAppend,
  row: VerdictRow | undefined,
  companions: readonly boolean[],
): AppendResult | Error {
  if (row === undefined) return new AppendOutcomeUnknown(append.stream);
  const revision = Number(row.revision);
  if (row.verdict === 'c') {
    return new WrongExpectedRevision(append.stream, append.expected, revision < 0 ? 'absent' : revision);
  }
  const stored = { revision, position: positionOf(row.position), deduplicated: row.verdict === 'd' };
  return companions.length === 0 ? stored : { ...stored, companions };
}

function errorOf(cause: unknown, sent: boolean, stream: string): unknown {
  if (cause instanceof AppendOutcomeUnknown) return cause;
  const code = databaseCodeOf(cause);
  if (code === 'NX001') return new WriterFenced('epoch');
  if (code === 'NX002') return new WriterFenced('frozen');
  if (sent && isConnectionLoss(cause)) return new AppendOutcomeUnknown(stream, { cause });
  if (!sent || isTransient(cause)) return new LogUnavailable('the log cannot be reached', 500, { cause });
  return cause;
}
