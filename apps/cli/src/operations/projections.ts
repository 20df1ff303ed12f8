import { flag, optionalText, plain, textArg, UsageError, withProgress, type Operation } from './operation.js';
import type { OperationContext } from './operation.js';
import { positionOf } from './positions.js';

function tableArg({ platform }: OperationContext, name: string): string {
  const tables = [...new Set(platform.registry.projections.map(({ table }) => table))].sort();
  if (!tables.includes(name))
    throw new UsageError(`no projection has the table ${name}; there are ${tables.join(', ')}`);
  return name;
}

export const projectionsList: Operation = async function* ({ projections }) {
  for (const status of await projections.list()) yield plain(status);
};

export const projectionsRebuild: Operation = async function* (context, args) {
  const table = tableArg(context, textArg(args, 'table'));
  const options = {
    skipUnknown: flag(args, 'skip_unknown'),
    acceptDifferences: flag(args, 'accept_differences'),
    signal: context.signal,
  };
  yield* withProgress((onProgress) => context.projections.rebuild(table, { ...options, onProgress }));
};

export const projectionsRollback: Operation = async function* (context, args) {
  const table = tableArg(context, textArg(args, 'table'));
  const warm = (await context.projections.list()).some((entry) => entry.table === table && entry.state === 'ready');
  if (!warm) throw new UsageError(`${table} has no earlier generation to go back to`);
  yield plain(await context.projections.rollback(table));
};

/** Verifies one table, or each in turn. */
export const projectionsVerify: Operation = async function* (context, args) {
  const asked = optionalText(args, 'table');
  const { registry } = context.platform;
  const newest = registry.projections.filter((projection) => registry.isNewest(projection)).map(({ table }) => table);
  const tables = asked === undefined ? newest.sort() : [tableArg(context, asked)];
  for (const table of tables) yield plain(await context.projections.verify(table, { signal: context.signal }));
};

export const projectionsQuarantine: Operation = async function* ({ projections }, args) {
  for (const entry of await projections.quarantine(optionalText(args, 'table'))) yield plain(entry);
};

export const projectionsRetry: Operation = async function* (context, args) {
  const table = tableArg(context, textArg(args, 'table'));
  const tenantId = textArg(args, 'tenant');
  const id = textArg(args, 'id');
  const parked = (await context.projections.quarantine(table)).some(
    (entry) => entry.tenantId === tenantId && entry.key === id,
  );
  if (!parked) throw new UsageError(`${id} of ${tenantId} is not in quarantine of ${table}`);
  for (const result of await context.projections.retry(table, { tenantId, id })) yield plain(result);
};

/** The rows of a tenant as they were at a position or an instant. */
export const eventsReplay: Operation = async function* (context, args) {
  const table = tableArg(context, textArg(args, 'table'));
  const at = optionalText(args, 'as_of');
  const id = optionalText(args, 'id');
  const { registry, log, accessLog } = context.platform;
  const head = (await (registry.logOf(table) === 'access' ? accessLog : log).head()) ?? '';
  const scope = { tenantId: textArg(args, 'tenant'), ...(id === undefined ? {} : { id }) };
  yield plain(await context.projections.asOf(table, asOf(at, head), scope, context.signal));
};

function asOf(at: string | undefined, head: string): { position: string } | { instant: string } {
  if (at === undefined) return { position: head };
  if (/^[\d:]+$/.test(at)) return { position: positionOf(at) };
  const instant = Date.parse(at);
  if (Number.isNaN(instant)) throw new UsageError(`${at} is neither a position nor an instant`);
  return { instant: new Date(instant).toISOString() };
}
