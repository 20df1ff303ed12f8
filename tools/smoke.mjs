import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/**
 * What a new user does: `npm start` on an empty folder and a free port, the printed line in a shell, an answer that
 * cites; then the same again on the folder that is now there. The figures are printed beside what they should be.
 */
const START_LIMIT_MS = 120_000;
const ANSWER_LIMIT_MS = 30_000;
const TARGETS = { first: 20_000, next: 5_000, residentMiB: 768 };

const folder = await mkdtemp(join(tmpdir(), 'nexusrag-smoke-'));
const environment = { ...process.env, PORT: '0', DATA_DIR: folder, LOG_LEVEL: 'warn' };
for (const name of ['DATABASE_URL', 'KEYS_DATABASE_URL', 'REDIS_URL', 'EVENTSTORE_URL']) delete environment[name];

function within(ms, what, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** What matches in a child's output, as soon as it does, with the time from `started`. */
function seen(child, pattern, started) {
  let text = '';
  return new Promise((resolve, reject) => {
    child.stdout.setEncoding('utf8');
    child.stdout.on('data', (chunk) => {
      text += chunk;
      const match = pattern.exec(text);
      if (match !== null) resolve({ match, millis: Date.now() - started });
    });
    child.on('error', reject);
    child.on('close', () => reject(new Error(`it ended without ${String(pattern)}:\n${text}`)));
  });
}

/** Starts the server, asks with the line that it printed, and stops it. */
async function round() {
  const started = Date.now();
  const server = spawn('npm', ['start', '--silent'], {
    env: environment,
    stdio: ['ignore', 'pipe', 'inherit'],
    detached: true,
  });
  const ended = new Promise((resolve) => server.on('close', resolve));
  try {
    const ready = await within(START_LIMIT_MS, 'the start', seen(server, /^ *(curl .*)\n/m, started));
    const token = await ask(ready.match[1], started);
    return { ready: ready.millis, token, resident: await residentMiB() };
  } finally {
    await stop(server, ended);
  }
}

/** Runs the printed line; resolves to when its first token came, once the whole stream is there and cites. */
async function ask(line, started) {
  const curl = spawn('bash', ['-c', line], { stdio: ['ignore', 'pipe', 'ignore'] });
  let text = '';
  curl.stdout.on('data', (chunk) => (text += chunk));
  const ended = new Promise((resolve) => curl.on('close', resolve));
  const first = await within(ANSWER_LIMIT_MS, 'the first token', seen(curl, /"type":"token\.delta"/, started));
  await within(ANSWER_LIMIT_MS, 'the answer', ended);
  for (const part of ['message.final', 'chunk_id', '"type":"done"']) {
    if (!text.includes(part)) throw new Error(`the stream has no ${part}:\n${text}`);
  }
  return first.millis;
}

async function residentMiB() {
  const { pid } = JSON.parse(await readFile(join(folder, 'run.json'), 'utf8'));
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => '');
  return Math.round(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? Number.NaN) / 1024);
}

/** To the group, as Ctrl-C in a terminal would be. */
async function stop(server, ended) {
  if (server.exitCode !== null) return;
  const asked = Date.now();
  process.kill(-server.pid, 'SIGINT');
  await within(START_LIMIT_MS, 'the shutdown', ended).catch((error) => {
    process.kill(-server.pid, 'SIGKILL');
    throw error;
  });
  console.log(`stopped within ${Date.now() - asked} ms`);
}

function report(which, { ready, token, resident }, limit) {
  console.log(
    `${which} start: ready after ${ready} ms, first token of a cited answer after ${token} ms (aim: ${limit})`,
  );
  console.log(`${which} start: ${resident} MiB resident after one answer (aim: ${TARGETS.residentMiB})`);
}

try {
  report('first', await round(), TARGETS.first);
  report('next', await round(), TARGETS.next);
} catch (error) {
  console.error(`smoke: ${error.message}`);
  process.exitCode = 1;
} finally {
  await rm(folder, { recursive: true, force: true });
}
