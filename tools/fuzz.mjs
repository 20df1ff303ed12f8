import { spawn } from 'node:child_process';

/** `npm run fuzz [-- --requests N --seed N --only N]`: hostile requests from our own OpenAPI, against a server in the same process. */
const flags = ['--conditions=source', '--no-warnings', '--import', './test/support/swc-source.mjs'];
const fuzz = spawn(process.execPath, [...flags, 'test/fuzz/main.ts', ...process.argv.slice(2)], { stdio: 'inherit' });
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => fuzz.kill(signal));
fuzz.on('close', (code) => (process.exitCode = code ?? 1));
