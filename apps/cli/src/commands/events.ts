import { resolve } from 'node:path';
import type { Command } from 'commander';
import { loadConfig } from '#infra/config/config.js';
import { group, given, outputOf, subcommand, tenantIdIn, wholeNumber, type Common } from '../command.js';
import { oneOf, paint, Progress, type Output } from '../output.js';
import { withClient } from '../session.js';
import { writeWhole } from './ledger.js';

interface ShownEvent {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  readonly position: string;
  readonly type: string;
  readonly schemaVersion: number;
  readonly data: object;
  readonly metadata: {
    readonly tenantId: string;
    readonly actor: { readonly type: string; readonly id: string | null };
  };
  readonly recordedAt: string;
}

const short = (position: string): string => position.replace(/^0+(?=\d)/, '');

export function eventsCommands(program: Command): void {
  const events = group(program, 'events', 'the event log: tail, show, travel in time');
  tail(events);
  show(events);
  replay(events);
}

interface TailOptions extends Common {
  readonly from?: string;
  readonly types?: string;
  readonly tenant?: string;
  readonly limit: number;
  readonly follow?: boolean;
}

function tail(events: Command): void {
  subcommand(events, 'tail', 'the newest events, oldest of them first', [
    'events tail --follow',
    'events tail --types DocumentSubmitted,DocumentFailed --tenant t1 --limit 50',
    'events tail --from 0 --limit 1000000 --json > events.jsonl',
  ])
    .option('--from <position>', 'events after this position instead of the newest; 0 is the beginning')
    .option('--types <types>', 'only these types, separated by commas')
    .option('--tenant <id>', 'only events of this tenant', tenantIdIn)
    .option('--limit <n>', 'how many', wholeNumber(1, 100_000_000), 20)
    .option('--follow', 'go on with events as they come, until interrupted')
    .action(async (options: TailOptions) => {
      const output = outputOf(options);
      const { from, types, tenant, limit, follow = false } = options;
      const args = { limit, follow, ...given({ from, types, tenant }) };
      await withClient({}, async ({ client }) => {
        for await (const event of client().operation<ShownEvent>('events.tail', args)) {
          output.item(event);
          showLine(output, event);
        }
      });
    });
}

function showLine(output: Output, { position, recordedAt, type, stream, revision }: ShownEvent): void {
  output.line(`${short(position).padStart(8)}  ${recordedAt}  ${paint('bold', type.padEnd(28))} ${stream}@${revision}`);
}

function show(events: Command): void {
  subcommand(events, 'show <event>', 'one event with its data and metadata, by its id or its position', [
    'events show 42',
    'events show 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --json',
  ]).action(async (asked: string, options: Common) => {
    const output = outputOf(options);
    const event = await withClient({}, ({ client }) =>
      oneOf(client().operation<ShownEvent>('events.show', { event: asked })),
    );
    output.item(event);
    const { id, stream, revision, position, type, schemaVersion, recordedAt, data, metadata } = event;
    output.fields({
      type: `${type} (version ${schemaVersion})`,
      id,
      position,
      stream: `${stream}@${revision}`,
      recorded: recordedAt,
    });
    output.line(`\n${paint('dim', 'data')}\n${JSON.stringify(data, null, 2)}`);
    output.line(`\n${paint('dim', 'metadata')}\n${JSON.stringify(metadata, null, 2)}`);
  });
}

interface ReplayOptions extends Common {
  readonly table: string;
  readonly tenant: string;
  readonly asOf?: string;
  readonly id?: string;
}

function replay(events: Command): void {
  subcommand(
    events,
    'replay',
    'the rows of a read model as they were at a position or an instant, folded from the log',
    [
      'events replay --table documents --tenant t1 --as-of 2026-05-01T12:00:00Z',
      'events replay --table corpora --tenant t1 --as-of 42 --json',
    ],
    'No table is read or written: this is a fold of the log up to there.',
  )
    .requiredOption('--table <table>', 'the read model, as `projections list` names it')
    .requiredOption('--tenant <id>', 'the tenant whose rows to show', tenantIdIn)
    .option('--as-of <place>', 'a position or an ISO 8601 instant, both inclusive; now by default')
    .option('--id <id>', 'only the row with this id')
    .action(async (options: ReplayOptions) => {
      const output = outputOf(options);
      const { table, tenant, asOf, id } = options;
      const args = { table, tenant, ...given({ as_of: asOf, id }) };
      const past = await withClient({}, ({ client }) =>
        oneOf(client().operation<{ position: string; rows: readonly object[] }>('events.replay', args)),
      );
      for (const row of past.rows) output.item(row);
      for (const row of past.rows) output.line(JSON.stringify(row, null, 2));
      output.line(`${past.rows.length} rows at position ${short(past.position) || '0'}`);
    });
}

export function logCommands(program: Command): void {
  const log = group(program, 'log', 'move a whole history, with its proofs, from one installation to another');
  exportCommand(log);
  importCommand(log);
}

function exportCommand(log: Command): void {
  subcommand(
    log,
    'export <file>',
    'write every event with its stored bytes and the signed checkpoint over them',
    ['log export history.jsonl'],
    'Document texts, messages and keys are not in the log and not in the file.',
  ).action(async (file: string, options: Common) => {
    const output = outputOf(options);
    const bar = new Progress('export');
    let count = 0;
    await withClient({}, async ({ client }) => {
      const items = client().operation<{ text?: string; events?: number }>('log.export', {});
      const lines = async function* (): AsyncGenerator<string> {
        let done = 0;
        for await (const { text, events } of items) {
          count = events ?? count;
          if (text === undefined) continue;
          yield text;
          done += text.split('\n').length - 1;
          bar.show(Math.min(done, count), count);
        }
      };
      await writeWhole(file, lines());
    }).finally(() => bar.end());
    output.item({ file: resolve(file), events: count });
    output.line(`${count} events are in ${file}`);
  });
}

function importCommand(log: Command): void {
  subcommand(
    log,
    'import <file>',
    'append the events of a file to an empty log, and prove that the copy is the signed history',
    ['log import history.jsonl', 'log import history.jsonl --vkey "nexusrag/domain+…"'],
    'An import that was cut off goes on where it stopped. No server may run on the data meanwhile, and none may have\nbeen seeded there: the log must be empty.',
  )
    .option('--vkey <key>', "the public key that must have signed the file; the file's own by default")
    .action(async (file: string, options: Common & { readonly vkey?: string }) => {
      const output = outputOf(options);
      const bar = new Progress('import');
      const { importHistory } = await import('../history.js');
      const report = await importHistory({
        config: loadConfig(),
        file: resolve(file),
        vkey: options.vkey,
        onProgress: (done, total) => bar.show(done, total),
      }).finally(() => bar.end());
      output.item(report);
      output.line(`${report.events} events are in the log (${report.resumedAt} were there before)`);
    });
}
