import { readFile, rename, rm } from 'node:fs/promises';
import { createWriteStream } from 'node:fs';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { AuditReport } from '#infra/ledger/ledger-audit.js';
import { verdictCodes, verifyProofFile, type Verdict } from '#infra/ledger/verifier.js';
import { group, given, outputOf, subcommand, type Common } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { oneOf, paint, Progress, type Output } from '../output.js';
import { withClient } from '../session.js';
import { UsageError } from '../operations/operation.js';

export function ledgerCommands(program: Command): void {
  const ledger = group(program, 'ledger', 'the Merkle tree over the log: checkpoints, proofs, verification');
  checkpoint(ledger);
  prove(ledger);
  verify(ledger);
  acknowledge(ledger);
}

interface Checkpoint {
  readonly size: number;
  readonly note: string;
  readonly vkey: string;
  readonly created_at: string;
}

function checkpoint(ledger: Command): void {
  subcommand(
    ledger,
    'checkpoint',
    'seal what the log holds and print the signed checkpoint',
    ['ledger checkpoint', 'ledger checkpoint > held.note'],
    'The note goes to standard output, the public key to standard error. Keep both elsewhere: they make a later\n`ledger verify FILE --vkey … --previous held.note` independent of this machine.',
  ).action(async (options: Common) => {
    const output = outputOf(options);
    const sealed = await withClient({}, ({ client }) => oneOf(client().operation<Checkpoint>('ledger.checkpoint', {})));
    output.item(sealed);
    output.text(sealed.note);
    if (!output.json) process.stderr.write(`public key: ${sealed.vkey}\n`);
  });
}

function prove(ledger: Command): void {
  interface Options extends Common {
    readonly out?: string;
    readonly previous?: string;
  }
  subcommand(
    ledger,
    'prove <event>',
    'write a proof file of one event, by its id or its position',
    ['ledger prove 42 --out event-42.proof', 'ledger prove 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b > event.proof'],
    'The file holds the event, its inclusion proof and the signed checkpoint; `ledger verify FILE` checks it without a server.',
  )
    .option('--out <file>', 'where to write it; standard output by default')
    .option('--previous <file>', 'a checkpoint that the reader holds; the file then proves that the log extends it')
    .action(async (event: string, options: Options) => {
      const previous = options.previous === undefined ? undefined : await textOf(options.previous);
      const output = outputOf(options);
      let text = '';
      await withClient({}, async ({ client }) => {
        const items = client().operation<{ text: string }>('ledger.prove', { event, ...given({ previous }) });
        for await (const part of items) text += part.text;
      });
      if (options.out === undefined) process.stdout.write(text);
      else {
        await writeWhole(options.out, [text]);
        output.item({ file: resolve(options.out), bytes: Buffer.byteLength(text) });
        output.line(`the proof is in ${options.out}`);
      }
    });
}

/** Writes beside the file and renames, so that a broken write leaves nothing that looks whole. */
export async function writeWhole(path: string, parts: Iterable<string> | AsyncIterable<string>): Promise<void> {
  const draft = `${path}.${process.pid}.part`;
  const stream = createWriteStream(draft);
  try {
    for await (const part of parts) if (!stream.write(part)) await once(stream, 'drain');
    stream.end();
    await once(stream, 'close');
    await rename(draft, path);
  } catch (error) {
    stream.destroy();
    await rm(draft, { force: true });
    throw error;
  }
}

async function textOf(path: string): Promise<string> {
  return readFile(path, 'utf8').catch((error: unknown) => {
    throw new UsageError(`${path} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
  });
}

const verdicts = Object.entries(verdictCodes)
  .map(([name, code]) => `  ${String(code).padStart(3)}  ${name}`)
  .join('\n');

interface VerifyOptions extends Common {
  readonly vkey?: string;
  readonly previous?: string;
  readonly log: string;
}

function verify(ledger: Command): void {
  subcommand(
    ledger,
    'verify [file]',
    'check a proof file offline, or without a file the whole log of the server',
    [
      'ledger verify',
      'ledger verify --log access',
      'ledger verify event-42.proof --vkey "nexusrag/domain+…"',
      'ledger verify event-42.proof --previous held.note',
    ],
    `Without FILE every stored event is compared with what was sealed and signed; the first position that is wrong is
printed, and the command ends with 5. With FILE no server, database or network is used, and it ends with:
${verdicts}
Without --vkey the file's own key is believed, which proves only that it is whole.`,
  )
    .option('--vkey <key>', 'the public key that you trust, or a file that holds it')
    .option('--previous <file>', 'a signed checkpoint that you hold; the file must prove that it extends it')
    .option('--log <log>', 'which log of the server: domain or access', 'domain')
    .action(async (file: string | undefined, options: VerifyOptions) => {
      const output = outputOf(options);
      if (file === undefined) await verifyLog(output, options.log);
      else await verifyFile(output, file, options);
    });
}

async function verifyFile(output: Output, file: string, { vkey, previous }: VerifyOptions): Promise<void> {
  const bytes = await readFile(file).catch(() => {
    throw new UsageError(`${file} cannot be read`);
  });
  const trusted = vkey === undefined ? undefined : (await readFile(vkey, 'utf8').catch(() => vkey)).trim();
  const verdict: Verdict = verifyProofFile(bytes, {
    ...(trusted === undefined ? {} : { vkey: trusted }),
    ...(previous === undefined ? {} : { previousCheckpoint: await textOf(previous) }),
  });
  output.item(verdict);
  tellVerdict(output, verdict);
  process.exitCode = verdict.code;
}

function tellVerdict(output: Output, verdict: Verdict): void {
  const good = verdict.code === verdictCodes.ok;
  output.line(`${paint(good ? 'green' : 'red', verdict.verdict)}: ${verdict.message}`);
  if (good)
    output.line(`${verdict.events ?? 0} events of ${verdict.origin ?? ''} under a tree of ${verdict.size ?? 0}`);
  if (good && !verdict.pinned)
    output.line(paint('yellow', 'the key came from the file itself: give --vkey to trust it'));
}

interface AuditItem {
  readonly progress?: { readonly checked: number; readonly size: number };
  readonly result?: AuditReport;
}

async function verifyLog(output: Output, log: string): Promise<void> {
  const bar = new Progress('verify');
  const report = await withClient({}, async ({ client }) => {
    // What was appended in the last second is sealed too; when sealing is refused, the check below says why.
    await oneOf(client().operation('ledger.checkpoint', {})).catch(() => undefined);
    for await (const { progress, result } of client().operation<AuditItem>('ledger.verify', { log })) {
      if (result !== undefined) return result;
      if (progress !== undefined) bar.show(progress.checked, progress.size);
    }
    throw new Error('the server gave no report');
  }).finally(() => bar.end());
  output.item(report);
  if (report.ok) {
    output.line(`${paint('green', 'clean')}: ${report.checked} events are as they were sealed and signed`);
    return;
  }
  const { finding } = report;
  output.line(`${paint('red', finding?.kind ?? 'wrong')}: ${finding?.message ?? ''}`);
  output.line(
    `position ${finding?.position ?? 'unknown'}, leaf ${finding?.index ?? 0}; ${report.checked} events before it are right`,
  );
  process.exitCode = exitCodes.different;
}

function acknowledge(ledger: Command): void {
  subcommand(
    ledger,
    'acknowledge',
    'accept that history broke, and begin a new timeline from the log as it is',
    ['ledger acknowledge --reason "restored the backup of 2026-05-01 after a disk failure"'],
    'Only possible while the ledger refuses to sign. The old checkpoints stay valid for what they signed; the new ones\nname another origin, so that nobody takes two histories for one.',
  )
    .requiredOption('--reason <sentence>', 'why; it is kept with the new timeline')
    .option('--log <log>', 'which log: domain or access', 'domain')
    .action(async ({ reason, log, ...options }: Common & { readonly reason: string; readonly log: string }) => {
      const output = outputOf(options);
      const done = await withClient({}, ({ client }) =>
        oneOf(client().operation<{ timeline: number }>('ledger.acknowledge', { reason, log })),
      );
      output.item(done);
      output.line(`timeline ${done.timeline} begins`);
    });
}
