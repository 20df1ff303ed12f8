import { run } from './run.mjs';

/** Slow ones first, so that two lanes end at about the same time. */
const steps = ['lint', 'typecheck', 'unit', 'docs:check', 'walls', 'format:check'];
const LANES = 2;

const queue = [...steps];
const failed = [];

async function lane() {
  for (let step = queue.shift(); step !== undefined; step = queue.shift()) {
    const { code, output, seconds } = await run('npm', ['run', '--silent', step]);
    console.log(`${code === 0 ? 'ok    ' : 'FAILED'} ${step} (${seconds.toFixed(1)} s)`);
    if (code !== 0) failed.push({ step, output });
  }
}

const started = Date.now();
await Promise.all(Array.from({ length: LANES }, lane));
for (const { step, output } of failed) console.log(`\n--- ${step}\n${output.trimEnd()}`);
const seconds = ((Date.now() - started) / 1000).toFixed(1);
if (failed.length === 0) console.log(`check: everything is in order (${seconds} s)`);
else console.log(`\ncheck: failed in ${failed.map(({ step }) => step).join(', ')} (${seconds} s)`);
process.exitCode = failed.length === 0 ? 0 : 1;
