import { documentErrors } from '#domain/capabilities/documents/documents.decider.js';
import { CatalogueError, isRefusal } from '#domain/kernel/errors.js';
import type { Json, JsonObject } from '#domain/kernel/schema.js';
import { chunkErrors, chunkSettings, type ChunkSettings } from '#domain/kernel/text/chunker.js';
import { invalid } from '#api/http/errors.js';
import { parseJson } from '#api/http/json.js';

/** What a caller says of chunks, in characters or in tokens. */
export interface AskedChunking {
  readonly chunk_size_chars?: number | undefined;
  readonly chunk_overlap_chars?: number | undefined;
  readonly chunk_size_tokens?: number | undefined;
  readonly chunk_overlap_tokens?: number | undefined;
}

/** The settings that were asked for; undefined when none were. Characters and tokens together are refused. */
export function chunkingOf(asked: AskedChunking): ChunkSettings | undefined {
  const { chunk_size_chars: size, chunk_overlap_chars: overlap } = asked;
  const { chunk_size_tokens: tokens, chunk_overlap_tokens: shared } = asked;
  const byTokens = tokens !== undefined || shared !== undefined;
  const byCharacters = size !== undefined || overlap !== undefined;
  if (byTokens && byCharacters) throw new CatalogueError(chunkErrors.settingsInvalid);
  if (!byTokens && !byCharacters) return undefined;
  return byTokens ? settled(chunkSettings(tokens, shared, 'tokens')) : settled(chunkSettings(size, overlap));
}

export function defaultChunking(): ChunkSettings {
  return settled(chunkSettings());
}

function settled(settings: ReturnType<typeof chunkSettings>): ChunkSettings {
  if (isRefusal(settings)) throw CatalogueError.of(settings);
  return settings;
}

/** Labels as texts; those of the metadata where no others are given. Undefined when neither says anything. */
export function labelsOf(labels: Json | undefined, metadata: JsonObject | null | undefined): JsonObject | undefined {
  const given = labels === undefined ? metadata?.['labels'] : labels;
  if (given === undefined) return undefined;
  if (labels === null) return {};
  if (!isObject(given)) throw refused('labels must be an object');
  return Object.fromEntries(
    Object.entries(given).map(([key, value]) => [key, typeof value === 'string' ? value : JSON.stringify(value)]),
  );
}

/** An object that a form holds as JSON text. */
export function objectIn(name: string, text: string | undefined): JsonObject | undefined {
  if (text === undefined) return undefined;
  const loc = ['body', name];
  const parsed = parseJson(text, (msg) => invalid([{ type: 'json_invalid', loc, msg }]));
  if (!isObject(parsed)) throw invalid([{ type: 'dict_type', loc, msg: 'must be an object' }]);
  return parsed;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function refused(reason: string): CatalogueError {
  return new CatalogueError(documentErrors.invalid, { reason });
}
