import type { ContentRef } from '#domain/capabilities/documents/document-commands.decider.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { CallerContext } from '#api/http/caller.js';
import type { UploadedFile } from '#api/http/upload.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ContentStore, NewContent, StoredContent, Subject } from '#infra/content/content-store.js';
import { PIECE_BYTES } from '#infra/content/pieced-content.js';
import type { DocumentSource } from './document-source.adapter.js';

export interface StoredRefs {
  readonly content: ContentRef;
  readonly metadata: ContentRef | null;
}

/** What was handed in, in the content store, under ids of the command, so that a repeat stores nothing twice. */
export class DocumentContents {
  constructor(private readonly content: ContentStore) {}

  /** The bytes, and the metadata where there are any. A large file is stored piece by piece. */
  async store(
    { source, metadata }: { readonly source: DocumentSource; readonly metadata: JsonObject },
    subject: Subject,
    caller: CallerContext,
  ): Promise<StoredRefs> {
    const document = { subject, kind: 'document', id: derivedId(caller.facts.commandId, 'content') };
    const described = Object.keys(metadata).length > 0 ? [metadataContent(metadata, subject, caller)] : [];
    if (source.form === 'file' && source.file.size > PIECE_BYTES) {
      const content = await this.content.putStream({ ...document, bytes: piecesOf(source.file) });
      const [kept = null] = await this.content.putMany(described);
      return { content, metadata: kept };
    }
    const bytes = source.form === 'text' ? encoded({ text: source.text }) : source.file.read(0, source.file.size);
    const [content, kept = null] = await this.content.putMany([{ ...document, bytes }, ...described]);
    if (content === undefined) throw new Error('the content store gave no reference');
    return { content, metadata: kept };
  }

  async putMetadata(metadata: JsonObject, subject: Subject, caller: CallerContext): Promise<ContentRef | null> {
    const [ref = null] = await this.content.putMany([metadataContent(metadata, subject, caller)]);
    return ref;
  }

  async forget(tenantId: string, stored: StoredRefs): Promise<void> {
    await this.content.delete(tenantId, stored.content.id);
    if (stored.metadata !== null) await this.content.delete(tenantId, stored.metadata.id);
  }

  open(tenantId: string, id: string): Promise<StoredContent | undefined> {
    return this.content.open(tenantId, id);
  }
}

/** Characters of a stored document's text, which has more bytes than those. */
export async function lengthOf({ parts }: StoredContent): Promise<number> {
  const all: Uint8Array[] = [];
  for await (const part of parts) all.push(part);
  return (JSON.parse(Buffer.concat(all).toString('utf8')) as { text: string }).text.length;
}

function* piecesOf(file: UploadedFile): Generator<Buffer> {
  for (let at = 0; at < file.size; at += PIECE_BYTES) yield file.read(at, PIECE_BYTES);
}

function encoded(value: JsonObject): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}

function metadataContent(metadata: JsonObject, subject: Subject, caller: CallerContext): NewContent {
  const id = derivedId(caller.facts.commandId, 'metadata');
  return { subject, kind: 'document-metadata', bytes: encoded(metadata), id };
}
