import type { Command } from 'commander';
import type { RebuildProgress, RebuildReport } from '#infra/projections/rebuild.js';
import type { ProjectionStatus } from '#infra/projections/status.js';
import type { VerifyReport } from '#infra/projections/verify.js';
import { group, given, outputOf, subcommand, type Common } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { allOf, oneOf, paint, Progress, type Column, type Output } from '../output.js';
import { withClient } from '../session.js';

export function projectionsCommands(program: Command): void {
  const projections = group(program, 'projections', 'read models: state, rebuild, verification, quarantine');
  list(projections);
  rebuild(projections);
  rollback(projections);
  verify(projections);
  quarantine(projections);
  retry(projections);
}

const stateOf = (status: ProjectionStatus): string => (status.stalled ? `${status.state}, stalled` : status.state);
const short = (position: string): string => position.replace(/^0+(?=\d)/, '');

const name: Column<ProjectionStatus> = { head: 'table', of: ({ table, version }) => `${table} v${version}` };
const generation: Column<ProjectionStatus> = { head: 'generation', of: (status) => status.generation, right: true };
const state: Column<ProjectionStatus> = { head: 'state', of: stateOf };
const events: Column<ProjectionStatus> = { head: 'events behind', of: (status) => status.eventsBehind, right: true };
const seconds: Column<ProjectionStatus> = {
  head: 'seconds behind',
  of: (status) => status.secondsBehind.toFixed(1),
  right: true,
};
const parked: Column<ProjectionStatus> = { head: 'quarantined', of: (status) => status.quarantinedKeys, right: true };
const position: Column<ProjectionStatus> = { head: 'position', of: (status) => short(status.position), right: true };
const error: Column<ProjectionStatus> = { head: 'error', of: (status) => status.error };

function list(projections: Command): void {
  const add = (usage: string, does: string, columns: readonly Column<ProjectionStatus>[]): void => {
    subcommand(projections, usage, does, [`projections ${usage}`, `projections ${usage} --json`]).action(
      async (options: Common) => {
        const rows = await withClient({}, ({ client }) =>
          allOf(client().operation<ProjectionStatus>('projections.list', {})),
        );
        outputOf(options).rows(rows, columns, 'there are no projections');
      },
    );
  };
  add('list', 'every generation of every read model, with its state', [
    name,
    generation,
    state,
    position,
    parked,
    error,
  ]);
  add('lag', 'how far each read model is behind the log', [name, generation, state, position, events, seconds]);
}

interface RebuildItem {
  readonly progress?: RebuildProgress;
  readonly result?: RebuildReport;
}

function rebuild(projections: Command): void {
  interface Options extends Common {
    readonly skipUnknown?: boolean;
    readonly acceptDifferences?: boolean;
  }
  subcommand(
    projections,
    'rebuild <table>',
    'build the table anew beside the served one, compare, and swap it in',
    ['projections rebuild documents', 'projections rebuild documents --skip-unknown'],
    'Reads go on while it runs. The old table stays, for `projections rollback`. When the new table differs from the\nold one of an equal definition, it is not swapped in and the command ends with 5.',
  )
    .option('--skip-unknown', 'leave out events of types that this build does not know')
    .option('--accept-differences', 'swap even where the new table differs from the old one')
    .action(async (table: string, options: Options) => {
      const output = outputOf(options);
      const args = {
        table,
        skip_unknown: options.skipUnknown === true,
        accept_differences: options.acceptDifferences === true,
      };
      const report = await withClient({}, ({ client }) =>
        followed(client().operation<RebuildItem>('projections.rebuild', args), table),
      );
      output.item(report);
      showRebuild(output, report);
      if (!report.swapped) process.exitCode = exitCodes.different;
    });
}

async function followed(items: AsyncIterable<RebuildItem>, table: string): Promise<RebuildReport> {
  const bar = new Progress(`rebuild ${table}`);
  try {
    for await (const { progress, result } of items) {
      if (result !== undefined) return result;
      if (progress !== undefined) bar.show(Number(progress.position), Number(progress.head), progress.phase);
    }
  } finally {
    bar.end();
  }
  throw new Error('the rebuild gave no report');
}

function showRebuild(output: Output, report: RebuildReport): void {
  const { table, version, generation: number, events: folded, rows, seconds: took, swapped, differences } = report;
  const name = `${table} v${version} generation ${number}`;
  output.line(`${name}: ${folded} events to ${rows} rows in ${took} s`);
  const skipped = Object.entries(report.unknownTypes).map(([type, count]) => `${type} (${count})`);
  if (skipped.length > 0) output.line(`left out, because unknown: ${skipped.join(', ')}`);
  if (swapped) output.line(paint('green', 'it is served now'));
  else output.line(paint('red', `NOT swapped in: ${differences?.total ?? 0} rows differ from the served table`));
  for (const row of differences?.rows ?? []) output.line(`  ${row.kind}  ${row.tenantId}  ${row.id}`);
}

function rollback(projections: Command): void {
  subcommand(projections, 'rollback <table>', 'serve the table that was served before the last rebuild', [
    'projections rollback documents',
  ]).action(async (table: string, options: Common) => {
    const output = outputOf(options);
    const done = await withClient({}, ({ client }) =>
      oneOf(client().operation<{ version: number; generation: number }>('projections.rollback', { table })),
    );
    output.item(done);
    output.line(`${table} v${done.version} is served from generation ${done.generation}`);
  });
}

function verify(projections: Command): void {
  subcommand(
    projections,
    'verify [table]',
    'fold the log again and compare with the live table, or with each of them',
    ['projections verify', 'projections verify documents --json'],
    'Rows that differ are named, and the command ends with 5.',
  ).action(async (table: string | undefined, options: Common) => {
    const output = outputOf(options);
    await withClient({}, async ({ client }) => {
      for await (const report of client().operation<VerifyReport>('projections.verify', given({ table }))) {
        output.item(report);
        showVerified(output, report);
        if (!report.clean) process.exitCode = exitCodes.different;
      }
    });
  });
}

function showVerified(output: Output, report: VerifyReport): void {
  const { table, version, rows, events: folded, clean, differences } = report;
  const verdict = clean ? paint('green', 'clean') : paint('red', `${differences.total} rows differ`);
  output.line(`${table} v${version}: ${verdict} (${rows} rows, ${folded} events, to ${short(report.position) || '0'})`);
  for (const row of differences.rows) output.line(`  ${row.kind}  tenant ${row.tenantId}  row ${row.id}`);
}

const howToMend = `A key is let go by projections retry once its fold is mended, or once later events, such as a deletion, leave a row that can
be kept, or none. Nothing is lost meanwhile: the events wait in the log.`;

interface Parked {
  readonly table: string;
  readonly version: number;
  readonly tenantId: string;
  readonly key: string;
  readonly eventType: string;
  readonly firstPosition: string;
  readonly parked: number;
  readonly error: string;
}

function quarantine(projections: Command): void {
  subcommand(
    projections,
    'quarantine [table]',
    'keys whose events wait because one of them could not be folded',
    ['projections quarantine', 'projections quarantine documents'],
    howToMend,
  ).action(async (table: string | undefined, options: Common) => {
    const rows = await withClient({}, ({ client }) =>
      allOf(client().operation<Parked>('projections.quarantine', given({ table }))),
    );
    outputOf(options).rows(
      rows,
      [
        { head: 'table', of: (row) => `${row.table} v${row.version}` },
        { head: 'tenant', of: (row) => row.tenantId },
        { head: 'id', of: (row) => row.key },
        { head: 'event', of: (row) => `${row.eventType} at ${short(row.firstPosition)}` },
        { head: 'waiting', of: (row) => row.parked, right: true },
        { head: 'error', of: (row) => row.error },
      ],
      'nothing is in quarantine',
    );
  });
}

function retry(projections: Command): void {
  subcommand(
    projections,
    'retry <table> <tenant> <id>',
    'replay a quarantined key from the log',
    ['projections retry documents t1 3f0c2a51-0d3e-5b61-9d1e-3b7c7e0a9c11'],
    howToMend,
  ).action(async (table: string, tenant: string, id: string, options: Common) => {
    const output = outputOf(options);
    const results = await withClient({}, ({ client }) =>
      allOf(
        client().operation<{ released: boolean; replayed: number; error: string | null }>('projections.retry', {
          table,
          tenant,
          id,
        }),
      ),
    );
    for (const result of results) {
      output.item(result);
      output.line(
        result.released
          ? `${id} is released; ${result.replayed} events were folded`
          : `${id} stays: ${result.error ?? ''}`,
      );
      if (!result.released) process.exitCode = exitCodes.failed;
    }
  });
}
