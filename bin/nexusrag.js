#!/usr/bin/env node
import { existsSync } from 'node:fs';
import { enableCompileCache } from 'node:module';
import { fileURLToPath } from 'node:url';

const entry = new URL('../dist/apps/cli/src/main.js', import.meta.url);
if (existsSync(entry)) {
  // What was compiled once is kept beside what was built, where that may be written; else nothing is kept.
  enableCompileCache(
    process.env.NODE_COMPILE_CACHE ?? fileURLToPath(new URL('../dist/.compile-cache', import.meta.url)),
  );
  await import(entry.href);
} else {
  process.stderr.write('nexusrag: not built yet; run `npm run build` first\n');
  process.exitCode = 1;
}
