import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { findPackage } from './package-root.js';

/** The version of this package. */
export const VERSION = (
  JSON.parse(readFileSync(findPackage(fileURLToPath(import.meta.url)), 'utf8')) as { readonly version: string }
).version;
