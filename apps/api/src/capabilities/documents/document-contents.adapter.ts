import type { ContentRef } from '#domain/capabilities/documents/document-commands.decider.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { CallerContext } from '#api/http/caller.js';
import type { UploadedFile } from '#api/http/upload.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ContentStore, EnclosedContent, StoredContent, Subject } from '#infra/content/content-store.js';
import { descriptions } from '#infra/content/descriptions.js';
import type { Companion } from '#infra/event-log/companions.js';
import { PIECE_BYTES } from '#infra/content/pieced-content.js';
import type { DocumentSource } from './document-source.adapter.js';

/** What an event names of what was handed in. */
export interface ContentRefs {
  readonly content: ContentRef;
  readonly metadata: ContentRef | null;
}

/** What was handed in, ready to be stored with the event that names it. */
export interface HandedIn<R> {
  readonly refs: R;
  readonly companions: readonly Companion[];
  /** What is large is stored already. */
  readonly stored: readonly ContentRef[];
}

/** What was handed in, in the content store. What is stored before its event is so under an id of the command: a repeat stores nothing twice. */
export class DocumentContents {
  constructor(private readonly content: ContentStore) {}

  /** The bytes, and the metadata where there are any. A large file is stored piece by piece. */
  async take(
    { source, metadata }: { readonly source: DocumentSource; readonly metadata: JsonObject },
    subject: Subject,
    caller: CallerContext,
  ): Promise<HandedIn<ContentRefs>> {
    const content = await this.takeBytes(source, subject, caller);
    const described = await this.describe(metadata, subject, caller);
    return {
      refs: { content: content.ref, ...described.refs },
      companions: [...content.companions, ...described.companions],
      stored: [...storedOf(content), ...described.stored],
    };
  }

  /** The metadata, where there are any. */
  async describe(
    metadata: JsonObject,
    subject: Subject,
    caller: CallerContext,
  ): Promise<HandedIn<Pick<ContentRefs, 'metadata'>>> {
    if (Object.keys(metadata).length === 0) return { refs: { metadata: null }, companions: [], stored: [] };
    const id = derivedId(caller.facts.commandId, 'metadata');
    const kept = await this.content.enclose({ subject, kind: 'document-metadata', bytes: encoded(metadata), id });
    const row = { tenantId: subject.tenantId, contentId: kept.ref.id, metadata };
    const clear = { kind: descriptions, row, bytes: kept.ref.size };
    return { refs: { metadata: kept.ref }, companions: [...kept.companions, clear], stored: storedOf(kept) };
  }

  /** Removes what is stored and named by no event. */
  async forget(tenantId: string, refs: readonly ContentRef[]): Promise<void> {
    for (const { id } of refs) await this.content.delete(tenantId, id);
  }

  open(tenantId: string, id: string): Promise<StoredContent | undefined> {
    return this.content.open(tenantId, id);
  }

  private async takeBytes(source: DocumentSource, subject: Subject, caller: CallerContext): Promise<EnclosedContent> {
    const document = { subject, kind: 'document', id: derivedId(caller.facts.commandId, 'content') };
    if (source.form === 'file' && source.file.size > PIECE_BYTES)
      return { ref: await this.content.putStream({ ...document, bytes: piecesOf(source.file) }), companions: [] };
    const bytes = source.form === 'text' ? encoded({ text: source.text }) : source.file.read(0, source.file.size);
    return this.content.enclose({ ...document, bytes });
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

function storedOf({ ref, companions }: EnclosedContent): readonly ContentRef[] {
  return companions.length === 0 ? [ref] : [];
}
