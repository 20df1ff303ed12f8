import type {
  ChunkTarget,
  IndexedChunks,
  IngestSource,
  IngestWatch,
} from '#domain/capabilities/documents/documents.ports.js';
import type { ChunkSettings } from '#domain/kernel/text/chunker.js';
import { Splitter } from '#domain/kernel/text/splitter.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { ContentStore, StoredContent } from '#infra/content/content-store.js';
import { whole } from '#infra/content/whole.js';
import { Spool } from '#infra/files/spool.js';
import type { DocumentParser } from '#infra/parsing/document-parser.js';
import { formatOf, mediaTypeOf } from '#infra/parsing/formats.js';
import type { SourceHandle, TextPart } from '#infra/parsing/parse-task.js';
import { unreadable } from '#infra/parsing/parsing-errors.js';
import { PART_CHUNKS } from '#infra/retrieval/large-version.js';
import { openingOf, type RetrievalIndex, type Written } from '#infra/retrieval/retrieval-index.js';
import { ChunkSpool } from './chunk-spool.js';
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

/** A document as its parts are read, and what its reading holds open. */
interface OpenedDocument {
  readonly parts: AsyncIterable<TextPart> | Iterable<TextPart>;
  readonly metadata: JsonObject;
}

/** Files up to this size are read in memory. */
const IN_MEMORY = 1024 * 1024;
/** Documents of more chunks are large: they are written part by part, and tell how far they are. */
const MOST_SMALL = 4 * PART_CHUNKS;
/** How often a large document tells of the chunks that are embedded. */
const TOLD_PARTS = 8;

/** From a stored document to the chunks of a version, in memory that does not grow with the document. */
export class DocumentChunks {
  constructor(private readonly options: DocumentChunksOptions) {}

  async index(
    target: ChunkTarget,
    source: IngestSource,
    settings: ChunkSettings,
    watch: IngestWatch,
  ): Promise<IndexedChunks | undefined> {
    const stored = await this.options.content.open(target.tenantId, source.contentId);
    if (stored === undefined) return undefined;
    const chunks = new ChunkSpool(PART_CHUNKS, MOST_SMALL);
    const splitter = new Splitter(settings, { structured: isStructured(source), tokenEnds });
    try {
      const metadata = await this.cut(stored, source, { splitter, chunks, signal: watch.signal });
      const described = Object.keys(target.metadata).length > 0 ? target : { ...target, metadata };
      const written = await this.write(described, splitter, chunks, watch);
      return { chunkCount: written.chunks, embeddingSpace: written.space };
    } finally {
      await chunks.close();
    }
  }

  /** Reads the whole document into chunks; gives what stood beside its text. */
  private async cut(
    stored: StoredContent,
    source: IngestSource,
    into: { readonly splitter: Splitter; readonly chunks: ChunkSpool; readonly signal: AbortSignal },
  ): Promise<JsonObject> {
    const { splitter, chunks, signal } = into;
    const spool = source.form === 'file' && stored.size > IN_MEMORY ? await Spool.open() : undefined;
    try {
      const { parts, metadata } = await this.read(stored, source, { spool, signal });
      for await (const { text, page } of parts) await chunks.add(splitter.push(text, page));
      await chunks.add(splitter.end());
      return metadata;
    } finally {
      await spool?.close();
    }
  }

  private async read(
    stored: StoredContent,
    { form, contentType }: IngestSource,
    { spool, signal }: { readonly spool: Spool | undefined; readonly signal: AbortSignal },
  ): Promise<OpenedDocument> {
    if (form === 'text') {
      const bytes = await whole(stored.parts);
      const { text, metadata = {} } = JSON.parse(new TextDecoder().decode(bytes)) as StoredText;
      return { parts: [{ text, page: null }], metadata };
    }
    const { type, charset } = mediaTypeOf(contentType);
    const format = formatOf(type);
    if (format === undefined) throw unreadable('mistyped');
    const source =
      spool === undefined
        ? { kind: 'bytes' as const, bytes: await whole(stored.parts) }
        : await fill(spool, stored, signal);
    return { parts: this.options.parser.parse({ format, charset, source }, signal), metadata: {} };
  }

  private async write(
    target: ChunkTarget,
    splitter: Splitter,
    chunks: ChunkSpool,
    { signal, tell }: IngestWatch,
  ): Promise<Written> {
    const context = openingOf(splitter.opening);
    const { few, count: total } = chunks;
    if (few !== undefined) return this.options.index.write(target, few, { context, signal });
    await tell({ stage: 'parsed', done: splitter.length, total: splitter.length });
    await tell({ stage: 'chunked', done: total, total });
    let told = 0;
    const onWritten = async (done: number): Promise<void> => {
      const parts = Math.floor((done * TOLD_PARTS) / total);
      if (parts === told) return;
      told = parts;
      await tell({ stage: 'embedded', done, total });
    };
    return this.options.index.writeParts(target, { parts: () => chunks.parts(), context, signal, onWritten });
  }
}

/** Puts a content where a parser can read it from anywhere; nothing of it is left when the spool is closed. */
async function fill(spool: Spool, { parts }: StoredContent, signal: AbortSignal): Promise<SourceHandle> {
  for await (const part of parts) {
    signal.throwIfAborted();
    await spool.append(part);
  }
  return { kind: 'spool', ...spool.handle };
}

/** Plain text may hold anything; all other formats are read as Markdown. */
function isStructured({ contentType }: IngestSource): boolean {
  const format = formatOf(mediaTypeOf(contentType).type);
  return format !== 'text' && format !== 'json' && format !== undefined;
}
