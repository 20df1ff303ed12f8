import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

/** `npm start` on an empty folder and a free port; then one question, whose stream must cite. */
const START_LIMIT_MS = 60_000;
const ANSWER_LIMIT_MS = 30_000;

const folder = await mkdtemp(join(tmpdir(), 'nexusrag-smoke-'));
const environment = { ...process.env, PORT: '0', DATA_DIR: folder };
for (const name of ['DATABASE_URL', 'KEYS_DATABASE_URL', 'REDIS_URL', 'EVENTSTORE_URL']) delete environment[name];

const server = spawn('npm', ['start', '--silent', '--', '--json'], {
  env: environment,
  stdio: ['ignore', 'pipe', 'inherit'],
  detached: true,
});
const exited = new Promise((resolve) => server.on('exit', resolve));

/** The first line of JSON that names an address. */
async function address() {
  for await (const line of createInterface({ input: server.stdout })) {
    if (line.startsWith('{') && line.includes('"url"')) return JSON.parse(line);
  }
  throw new Error('the server ended before it was ready');
}

function within(ms, what, work) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what} took longer than ${ms} ms`)), ms);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function ask({ url, api_key: key }) {
  const response = await fetch(new URL('/v1/run', url), {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ session_id: 'smoke', corpus_id: 'c1', message: 'What is in the demo documents?', top_k: 3 }),
    signal: AbortSignal.timeout(ANSWER_LIMIT_MS),
  });
  const text = await response.text();
  if (response.status !== 200) throw new Error(`POST /v1/run answered ${response.status}: ${text}`);
  for (const part of ['token.delta', 'message.final', 'chunk_id']) {
    if (!text.includes(part)) throw new Error(`the stream has no ${part}:\n${text}`);
  }
}

const started = Date.now();
try {
  const ready = await within(START_LIMIT_MS, 'the start', address());
  console.log(`ready at ${ready.url} after ${Date.now() - started} ms`);
  await ask(ready);
  console.log(`a cited answer after ${Date.now() - started} ms`);
} catch (error) {
  console.error(`smoke: ${error.message}`);
  process.exitCode = 1;
} finally {
  server.stdout.resume();
  // The group, because npm does not pass every signal on.
  if (server.exitCode === null) process.kill(-server.pid, 'SIGTERM');
  await within(START_LIMIT_MS, 'the shutdown', exited).catch((error) => {
    console.error(`smoke: ${error.message}`);
    process.exitCode = 1;
    process.kill(-server.pid, 'SIGKILL');
  });
  await rm(folder, { recursive: true, force: true });
}
