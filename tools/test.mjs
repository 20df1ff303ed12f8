import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { postgresProblem, redisProblem } from './services.mjs';
import { run } from './run.mjs';

/** The folders whose promises depend on which log is underneath; they run a third time on the EventStoreDB stand-in. */
const LOG_FOLDERS = ['test/acceptance', 'test/crash', 'test/jobs', 'test/read-models', 'test/replay'];

/** Of the API's specs those that look at the log itself; the others would only meet the same command path again. */
const LOG_SPECS = ['audit', 'corpora', 'documents', 'event-stream', 'runs'].map(
  (name) => `test/api/${name}.api.spec.ts`,
);

/** What parsers and providers do by themselves, whatever is underneath. */
const APART = ['hanging-provider', 'hostile-files', 'openai-sdk'].map((name) => `test/acceptance/${name}`);

/** What the edge does over its own database, whatever log is underneath; the passes before have shown it. */
const EDGE = ['admission', 'every-endpoint', 'large-document', 'sole-api'].map((name) => `test/acceptance/${name}`);

/** What can befall an embedded database's folder. */
const EMBEDDED = ['damaged-folder', 'data-dir'].map((name) => `test/crash/${name}`);

/** Specs that open no database: one pass is as good as another. */
const WITHOUT_DATABASE = [
  'test/contract/eventstoredb/',
  'test/http/(?!idempotency)',
  'test/laws/',
  'test/providers/',
  'test/shared-state/',
  'test/webhooks/',
];

/** Of the API's specs those that both engines run. The others' SQL is common to both, and `every-endpoint` calls it on both. */
const BOTH_ENGINES = [
  'api-keys',
  'audit',
  'corpora',
  'documents',
  'event-stream',
  'runs',
  'search',
  'sessions',
  'usage',
];
const ONE_ENGINE = `test/api/(?!(?:${BOTH_ENGINES.join('|')})\\.api)`;

/** Specs slower than this are named, so that they do not grow unseen. */
const SLOW_MS = 15_000;

/** A pass in which no spec file ends for so long hangs, and is ended. */
const SILENT_MS = 15 * 60_000;

const databaseUrl =
  process.env.TEST_DATABASE_URL ?? process.env.DATABASE_URL ?? 'postgres://postgres@127.0.0.1:5432/postgres';
const redisUrl = process.env.TEST_REDIS_URL ?? process.env.REDIS_URL ?? 'redis://127.0.0.1:6379';
const unset = { DATABASE_URL: '', REDIS_URL: '', EVENTSTORE_URL: '', TEST_REDIS_URL: '', TEST_LOG: '' };
unset.TEST_EVENTSTORE_URL = process.env.TEST_EVENTSTORE_URL ?? process.env.EVENTSTORE_URL ?? '';
const onServers = { TEST_ENGINE: 'postgres', TEST_DATABASE_URL: databaseUrl, TEST_REDIS_URL: redisUrl };

const noPostgres = await postgresProblem(databaseUrl);
const noRedis = await redisProblem(redisUrl);
const noServers = [noPostgres, noRedis].filter(Boolean).join('; ') || undefined;
const logPaths = [...LOG_FOLDERS, ...LOG_SPECS].filter((path) => existsSync(path));
const noStandIn = (await readsTestLog('test')) ? undefined : 'no spec opens the log that TEST_LOG names';

const passes = [
  { name: 'unit', config: 'jest.unit.config.js', env: unset },
  {
    name: 'embedded (PGlite, in-process state)',
    config: 'jest.integration.config.js',
    env: { ...unset, TEST_ENGINE: 'pglite' },
    // Where the next pass runs, once is enough for what does not depend on the engine.
    ignored: noServers === undefined ? [...WITHOUT_DATABASE, ...APART, ONE_ENGINE] : [],
  },
  {
    name: 'PostgreSQL and Redis',
    config: 'jest.integration.config.js',
    env: { ...unset, ...onServers },
    ignored: EMBEDDED,
    skip: noServers,
  },
  {
    name: 'EventStoreDB stand-in, tables in PostgreSQL',
    config: 'jest.integration.config.js',
    env: { ...unset, ...onServers, TEST_LOG: 'eventstore-stand-in' },
    paths: logPaths,
    ignored: [...APART, ...EDGE, ...EMBEDDED],
    skip: noServers ?? noStandIn,
  },
];

/** The arguments of `npm test -- …`: paths or jest options for every pass. */
const extra = process.argv.slice(2);

/** Whether anything under `folder` would notice the third pass; otherwise it would only repeat the second. */
async function readsTestLog(folder) {
  const names = (await readdir(folder, { recursive: true })).filter((name) => name.endsWith('.ts'));
  const texts = await Promise.all(names.map((name) => readFile(join(folder, name), 'utf8')));
  return texts.some((text) => text.includes('TEST_LOG'));
}

function nameSlow(result) {
  for (const { name, startTime, endTime } of result.testResults) {
    const millis = endTime - startTime;
    if (millis > SLOW_MS) console.log(`  slow: ${relative('.', name)} (${(millis / 1000).toFixed(1)} s)`);
  }
}

/** Which tests ran in some pass, and in which file the others stand. */
const ran = new Set();
const leftOut = new Map();

function remember(result) {
  for (const { name, assertionResults } of result.testResults) {
    for (const { fullName, status } of assertionResults) {
      const id = `${name} ${fullName}`;
      if (status === 'passed' || status === 'failed') ran.add(id);
      else leftOut.set(id, relative('.', name));
    }
  }
}

/** What one pass leaves out and another one runs is not skipped. */
function skippedFiles() {
  const files = new Map();
  for (const [id, file] of leftOut) if (!ran.has(id)) files.set(file, (files.get(file) ?? 0) + 1);
  return files;
}

async function runPass(pass, folder) {
  const shown = new Set();
  const showOnce = (text) => shown.has(text) || (shown.add(text), console.log(`  ${text}`));
  const report = join(folder, `${passes.indexOf(pass)}.json`);
  const jest = ['--experimental-vm-modules', '--no-warnings', 'node_modules/jest/bin/jest.js', '--config', pass.config];
  const options = ['--maxWorkers=2', '--passWithNoTests', '--json', `--outputFile=${report}`];
  // It takes every following word as a pattern, so another option comes next.
  const ignored = process.env.TEST_ALL === '1' ? [] : (pass.ignored ?? []);
  for (const path of ignored) options.unshift(`--testPathIgnorePatterns=${path}`);
  const paths = extra.some((word) => !word.startsWith('-')) ? [] : (pass.paths ?? []);
  const { code, output, seconds } = await run('node', [...jest, ...options, ...paths, ...extra], {
    env: pass.env,
    silentMs: SILENT_MS,
    onLine: (text) => /^(PASS|FAIL) .*[.]spec[.]ts/.test(text) && showOnce(text),
  });
  const result = await readFile(report, 'utf8').then(JSON.parse, () => undefined);
  if (result === undefined || code !== 0) console.log(withoutNoise(output));
  if (result !== undefined) nameSlow(result);
  if (result !== undefined) remember(result);
  return { ...totals(result, code), seconds };
}

/** Without what was shown while it ran; jest repeats all failures in its summary where there were many. */
function withoutNoise(output) {
  const lines = output.split('\n').filter((line) => !line.startsWith('{"num') && !line.startsWith('PASS '));
  const summary = lines.findIndex((line) => line.startsWith('Summary of all failing tests'));
  return lines
    .slice(summary === -1 ? 0 : summary)
    .join('\n')
    .trimEnd();
}

function totals(result, code) {
  if (result === undefined) return { passed: 0, failed: 1, skipped: 0 };
  const failed = result.numFailedTests + result.numRuntimeErrorTestSuites;
  return {
    passed: result.numPassedTests,
    // A run that fails without a failed test (an open handle, a crashed worker) still counts as one failure.
    failed: failed === 0 && code !== 0 ? 1 : failed,
    skipped: result.numPendingTests + result.numTodoTests,
  };
}

const line = ({ passed, failed, skipped }) =>
  `${passed} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}`;

const folder = await mkdtemp(join(tmpdir(), 'nexusrag-test-'));
const sum = { passed: 0, failed: 0, skipped: 0 };
const summary = [];
for (const pass of passes) {
  if (pass.skip !== undefined) {
    summary.push(`  ${pass.name}: not run, because ${pass.skip}`);
    continue;
  }
  console.log(`# ${pass.name}`);
  const result = await runPass(pass, folder);
  sum.passed += result.passed;
  sum.failed += result.failed;
  summary.push(`  ${pass.name}: ${line(result)} (${result.seconds.toFixed(1)} s)`);
  console.log(summary.at(-1));
}
await rm(folder, { recursive: true });
for (const [file, count] of skippedFiles()) {
  sum.skipped += count;
  summary.push(`  run in no pass: ${count} of ${file}`);
}
console.log(`\nAll passes:\n${summary.join('\n')}\n${line(sum)}`);
process.exitCode = sum.failed === 0 ? 0 : 1;
