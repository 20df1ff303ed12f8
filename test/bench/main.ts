import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BenchDatabases } from './databases.js';
import { loadNow, machineOf, rendered, type BenchSection, type BenchTable } from './report.js';

/** Each is loaded when it runs, so that one measures in a process without the others' code. */
const sections: Readonly<Record<string, () => Promise<BenchSection>>> = {
  append: async () => (await import('./append.bench.js')).appendSection,
  projection: async () => (await import('./projection.bench.js')).projectionSection,
  http: async () => (await import('./http.bench.js')).httpSection,
  edge: async () => (await import('./edge.bench.js')).edgeSection,
  run: async () => (await import('./run.bench.js')).runSection,
  fairness: async () => (await import('./fairness.bench.js')).fairnessSection,
  ingestion: async () => (await import('./ingestion.bench.js')).ingestionSection,
  authorization: async () => (await import('./authorization.bench.js')).authorizationSection,
  retrieval: async () => (await import('./retrieval-section.js')).retrievalSection,
};

const usage = `usage: npm run bench [-- [--seconds N] SECTION…]     sections: ${Object.keys(sections).join(', ')}`;
const say = (line: string): boolean => process.stdout.write(`${line}\n`);

interface Wanted {
  readonly names: readonly string[];
  readonly seconds: number;
}

function wantedOf(args: readonly string[]): Wanted | undefined {
  const at = args.indexOf('--seconds');
  const seconds = at < 0 ? 5 : Number(args[at + 1]);
  const named = args.filter((_, index) => at < 0 || (index !== at && index !== at + 1));
  const known = named.every((name) => Object.hasOwn(sections, name));
  if (!known || !(seconds > 0)) return undefined;
  return { names: named.length === 0 ? Object.keys(sections) : named, seconds };
}

async function main({ names, seconds }: Wanted): Promise<void> {
  const databases = new BenchDatabases(process.env['DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres');
  const abandon = (): void => void databases.dropAll().finally(() => process.exit(130));
  process.once('SIGINT', abandon).once('SIGTERM', abandon);
  const machine = machineOf(await databases.describe());
  const { cpu, cores, memoryGiB, node, postgres, settings, load } = machine;
  say(`# ${cpu}, ${cores} cores, ${memoryGiB} GiB; Node ${node}; Postgres ${postgres} (${settings}); load ${load}`);
  const startedAt = new Date().toISOString();
  const results: Record<string, readonly BenchTable[]> = {};
  const failed: Record<string, string> = {};
  try {
    for (const name of names) {
      const context = {
        database: (options: { readonly migrated: boolean }) => databases.make(options),
        seconds,
        say: (line: string) => void process.stderr.write(`${name}: ${line}\n`),
      };
      try {
        const section = await sections[name]?.();
        results[name] = (await section?.(context)) ?? [];
        for (const table of results[name]) say(rendered(table));
      } catch (error) {
        failed[name] = error instanceof Error ? (error.stack ?? error.message) : String(error);
        say(`\n## ${name} failed\n${failed[name]}`);
      }
      await databases.dropAll();
    }
  } finally {
    await databases.dropAll();
  }
  const path = join('var', 'bench', `${startedAt.replaceAll(':', '-')}.json`);
  await mkdir(join('var', 'bench'), { recursive: true });
  const report = { startedAt, machine: { ...machine, loadAtEnd: loadNow() }, seconds, results, failed };
  await writeFile(path, `${JSON.stringify(report, null, 2)}\n`);
  say(`\nwritten to ${path}`);
  process.exitCode = Object.keys(failed).length === 0 ? 0 : 1;
}

const wanted = wantedOf(process.argv.slice(2));
if (wanted === undefined) {
  process.stderr.write(`${usage}\n`);
  process.exitCode = 2;
} else {
  await main(wanted);
}
