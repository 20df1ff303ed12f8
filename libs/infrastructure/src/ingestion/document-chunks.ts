import type {
  ChunkTarget,
  IndexedChunks,
  IngestSource,
  IngestWatch,
} from '#domain/capabilities/documents/documents.ports.js';
import type { Chunk, ChunkSettings } from '#domain/kernel/text/chunker.js';
import { Splitter } from '#domain/kernel/text/splitter.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { DocumentParser } from '#infra/parsing/document-parser.js';
import { formatOf, mediaTypeOf } from '#infra/parsing/formats.js';
import type { TextPart } from '#infra/parsing/parse-task.js';
import { unreadable } from '#infra/parsing/parsing-errors.js';
import { openingOf, type RetrievalIndex } from '#infra/retrieval/retrieval-index.js';
import { tokenEnds } from './token-ends.js';

export interface DocumentChunksOptions {
  readonly content: ContentStore;
  readonly index: RetrievalIndex;
  readonly parser: DocumentParser;
}

/** The stored form of a text. Before version 2 of its event the metadata stood in it. */
interface StoredText {
  readonly text: string;
  readonly metadata?: JsonObject;
}

/** From a stored document to the chunks of a version. */
export class DocumentChunks {
  constructor(private readonly options: DocumentChunksOptions) {}

  async index(
    target: ChunkTarget,
    source: IngestSource,
    settings: ChunkSettings,
    { signal }: IngestWatch,
  ): Promise<IndexedChunks | undefined> {
    const bytes = await this.options.content.get(target.tenantId, source.contentId);
    if (bytes === undefined) return undefined;
    const { parts, metadata } = this.read(bytes, source, signal);
    const splitter = new Splitter(settings, { structured: isStructured(source), tokenEnds });
    const chunks: Chunk[] = [];
    for await (const { text, page } of parts) chunks.push(...splitter.push(text, page));
    chunks.push(...splitter.end());
    const context = openingOf(splitter.opening);
    const described = Object.keys(target.metadata).length > 0 ? target : { ...target, metadata };
    const written = await this.options.index.write(described, chunks, { context, signal });
    return { chunkCount: written.chunks, embeddingSpace: written.space };
  }

  private read(
    bytes: Uint8Array,
    { form, contentType }: IngestSource,
    signal: AbortSignal,
  ): { parts: AsyncIterable<TextPart> | Iterable<TextPart>; metadata: JsonObject } {
    if (form === 'text') {
      const { text, metadata = {} } = JSON.parse(new TextDecoder().decode(bytes)) as StoredText;
      return { parts: [{ text, page: null }], metadata };
    }
    const { type, charset } = mediaTypeOf(contentType);
    const format = formatOf(type);
    if (format === undefined) throw unreadable('mistyped');
    const task = { format, charset, source: { kind: 'bytes' as const, bytes } };
    return { parts: this.options.parser.parse(task, signal), metadata: {} };
  }
}

/** Plain text may hold anything; all other formats are read as Markdown. */
function isStructured({ contentType }: IngestSource): boolean {
  const format = formatOf(mediaTypeOf(contentType).type);
  return format !== 'text' && format !== 'json' && format !== undefined;
}
