import { spawn } from 'node:child_process';

/** How long output may still come from what a command left behind; then its own end is what counts. */
const DRAIN_MS = 3_000;

/**
 * Runs one command and collects what it prints; never rejects. `onLine` sees each line as it comes. A command that
 * prints nothing for `silentMs` hangs: it and its children are killed, which counts as a failure.
 */
export function run(command, args, { env = {}, onLine, silentMs } = {}) {
  const started = Date.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, {
      env: { ...process.env, FORCE_COLOR: '0', ...env },
      stdio: ['ignore', 'pipe', 'pipe'],
      // A group of its own, so that the limit reaches the children, too; without a limit Ctrl-C must reach all.
      detached: silentMs !== undefined,
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      collect(stream, (chunk) => (output += chunk), onLine);
    }
    const disarm = silentMs === undefined ? () => undefined : guard(child, silentMs, (text) => (output += text));
    const done = (code) => {
      disarm();
      resolve({ code, output, seconds: (Date.now() - started) / 1000 });
    };
    child.on('error', (error) => {
      output += error.message;
      done(1);
    });
    child.on('close', (code) => done(code ?? 1));
    child.on('exit', (code) => setTimeout(() => done(code ?? 1), DRAIN_MS).unref());
  });
}

function collect(stream, add, onLine = () => undefined) {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk) => {
    add(chunk);
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) onLine(line);
  });
}

/** Ends the child's whole group when it has been silent for so long, and whenever this process is told to end. */
function guard(child, silentMs, say) {
  const kill = () => {
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // It has ended by itself.
    }
  };
  const timer = setTimeout(() => {
    say(`\nkilled: it printed nothing for ${Math.round(silentMs / 60_000)} minutes\n`);
    kill();
  }, silentMs);
  for (const stream of [child.stdout, child.stderr]) stream.on('data', () => timer.refresh());
  const stop = () => {
    kill();
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM']) process.once(signal, stop);
  return () => {
    clearTimeout(timer);
    for (const signal of ['SIGINT', 'SIGTERM']) process.off(signal, stop);
  };
}
