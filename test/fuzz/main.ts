import { parseArgs } from 'node:util';
import { World } from '#test/surface/world.js';
import { Fuzzer, type FuzzReport } from './fuzzer.js';

/** `npm run fuzz -- --requests 20000 --seed 7 [--only 4711]`; TEST_ENGINE=postgres takes PostgreSQL and Redis. */
const { values } = parseArgs({
  options: {
    requests: { type: 'string', default: '20000' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
    only: { type: 'string' },
  },
});

const print = (line: string): void => void process.stdout.write(`${line}\n`);
const mebibytes = (bytes: number): string => `${(bytes / 1_048_576).toFixed(1)} MiB`;

function show(
  { requests, findings, statuses, reached, heap, seconds }: FuzzReport,
  operations: readonly string[],
): void {
  for (const { at, problem, request } of findings.slice(0, 60)) print(`\n#${at}: ${problem}\n  ${request}`);
  print('\nanswers:');
  for (const [status, count] of [...statuses].sort(([, left], [, right]) => right - left))
    print(`  ${count} × ${status}`);
  const missed = operations.filter((title) => !reached.has(title));
  print(`\n${requests} requests in ${seconds.toFixed(1)} s, ${findings.length} findings`);
  print(
    `${reached.size} of ${operations.length} endpoints answered a success${missed.length === 0 ? '' : `; not ${missed.join(', ')}`}`,
  );
  print(`heap after each fifth: ${heap.map(mebibytes).join(', ')}`);
}

const seed = Number(values.seed);
print(`seed ${seed}`);
const world = await World.open();
try {
  const report = await Fuzzer.run(world, {
    requests: Number(values.requests),
    seed,
    ...(values.only === undefined ? {} : { only: Number(values.only) }),
    onProgress: (done, findings) => print(`${done} requests, ${findings} findings`),
  });
  show(
    report,
    world.operations.map(({ title }) => title),
  );
  process.exitCode = report.findings.length === 0 ? 0 : 1;
} catch (error) {
  print(`the fuzzer itself failed: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`);
  process.exitCode = 2;
} finally {
  await world.close();
}
