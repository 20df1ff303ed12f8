#!/usr/bin/env node
import { existsSync } from 'node:fs';

const entry = new URL('../dist/apps/cli/src/main.js', import.meta.url);
if (existsSync(entry)) await import(entry.href);
else {
  process.stderr.write('nexusrag: not built yet; run `npm run build` first\n');
  process.exitCode = 1;
}
