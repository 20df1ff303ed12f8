import { defineConfig } from './define-config.js';
import { int } from './fields.js';

/** How documents become chunks, and what reading one file may take. */
export const ingestArea = defineConfig('ingest', 'How documents become chunks.', {
  INGEST_MAX_CONCURRENCY: int(
    'Ingestions at one time in one process; besides these, 32 times as many texts of at most 16,384 characters.',
    { default: 4, min: 1, max: 1_000 },
  ),
  INGEST_BULKHEAD_MAX_CONCURRENCY: int('In place of INGEST_MAX_CONCURRENCY; 0: that one counts.', {
    default: 0,
    min: 0,
    max: 1_000,
  }),
  INGEST_MAX_RETRIES: int('Attempts after the first before a document is marked failed.', {
    default: 3,
    min: 0,
    max: 100,
  }),
  INGEST_PARSE_TIMEOUT_SECONDS: int('How long reading one file may take.', {
    default: 120,
    min: 1,
    max: 3_600,
    unit: 's',
  }),
  INGEST_PARSE_MEMORY_MB: int('Memory of the thread that reads one file.', {
    default: 512,
    min: 64,
    max: 65_536,
    unit: 'MB',
  }),
  INGEST_MAX_PAGES: int('Pages or slides of one file.', { default: 5_000, min: 1, max: 1_000_000 }),
  INGEST_MAX_TEXT_CHARACTERS: int('Characters of a file that is not text itself.', {
    default: 64_000_000,
    min: 1_000,
    max: 1_000_000_000,
  }),
  INGEST_MAX_UNPACKED_BYTES: int('What the parts of one packed file may unpack to.', {
    default: 268_435_456,
    min: 1_048_576,
    max: 4_294_967_296,
    unit: 'bytes',
  }),
});
