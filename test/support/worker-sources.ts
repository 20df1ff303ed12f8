import { pathToFileURL } from 'node:url';
import { join } from 'node:path';

// Threads that a spec's code starts read our sources as this process does.
const loader = pathToFileURL(join(process.cwd(), 'test/support/swc-source.mjs')).href;
process.execArgv.push('--conditions=source', `--import=${loader}`);
