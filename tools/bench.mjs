import { spawn } from 'node:child_process';
import { run } from './run.mjs';

/** `npm run bench [-- [--seconds N] SECTION…]`: builds the product and the bench, then runs the bench on a Postgres server. */
const ofTests = ['test', '-d', 'dist', '--config-file', '.swcrc', '--ignore', '**/*.spec.ts', '--quiet'];
for (const [command, args] of [
  ['node', ['tools/build.mjs', '--if-changed']],
  ['swc', ofTests],
]) {
  const { code, output } = await run(command, args);
  if (code !== 0) {
    console.error(output.trimEnd());
    process.exit(1);
  }
}
const args = ['--enable-source-maps', '--no-warnings', 'dist/test/bench/main.js', ...process.argv.slice(2)];
const bench = spawn(process.execPath, args, { stdio: 'inherit' });
// The bench drops its databases before it ends.
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => bench.kill(signal));
bench.on('close', (code) => (process.exitCode = code ?? 1));
