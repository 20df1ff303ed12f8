import { grantsOf } from '#domain/capabilities/authorization/authorization.projection.js';
import { documentAcl } from '#domain/capabilities/authorization/document-acl.decider.js';
import type { Grant, Guarded } from '#domain/capabilities/authorization/permissions.ports.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import type { CallerContext } from '#api/http/caller.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { Database } from '#infra/database/database.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import { resourceOf, type Authorization, type DocumentFacts } from './authorization.js';
import type { DocumentRow as Row, ShownDocuments } from './shown-documents.js';

export interface DocumentAccessParts {
  readonly authorization: Authorization;
  readonly path: CommandPath;
  readonly shown: ShownDocuments;
  readonly database: Database;
}

/** A document as its stream knows it. */
export interface KnownDocument {
  readonly documentId: string;
  readonly corpusId: string;
  readonly status: string;
  readonly labels: JsonObject;
}

/** The gate of documents: by what is shown for reads, by the stream itself for changes. */
export class DocumentAccess {
  constructor(private readonly parts: DocumentAccessParts) {}

  /** The documents that the caller may read, as a condition on their rows; undefined: all of the tenant. */
  readable(caller: CallerContext): Promise<VisibilityPredicate | undefined> {
    return this.parts.authorization.readable(caller);
  }

  /** What is said of documents that the caller may read, in corpora of the key, as a condition on rows that name one; undefined: of all. */
  async readableOf(caller: CallerContext): Promise<VisibilityPredicate | undefined> {
    const readable = await this.readable(caller);
    const corpora = caller.principal.scopes?.corpora;
    if (readable === undefined && corpora === undefined) return undefined;
    const { table, version } = documentRows;
    const named: VisibilityPredicate = (alias, next) =>
      `exists (select 1 from read.${table}_v${version} d where d.tenant_id = ${alias}.tenant_id
        and d.document_id = ${alias}.document_id
        and ${corpora === undefined ? 'true' : `d.corpus_id = any(${next(corpora)}::text[])`}
        and (${readable === undefined ? 'true' : readable('d', next)}))`;
    return Object.assign(named, { varies: readable?.varies === true });
  }

  /** Whose a document is that the caller brings in. */
  ownership(caller: CallerContext): ReturnType<Authorization['ownership']> {
    return this.parts.authorization.ownership(caller);
  }

  /** Refuses who may not read a document that is there. */
  async read(row: Row, caller: CallerContext): Promise<void> {
    const { authorization, shown } = this.parts;
    const acl = await shown.aclOf(row.id, caller);
    const facts = await this.factsOf('read', row, caller);
    await authorization.document('read', acl === undefined ? [] : grantsOf(acl), facts, caller);
  }

  /** Refuses who may not change a document that is there; `uid` is the id of its stream. */
  async change(action: Guarded, uid: string, known: KnownDocument, caller: CallerContext): Promise<void> {
    const { authorization, shown } = this.parts;
    const row = await shown.find(uid, caller);
    const { documentId: id, corpusId, status, labels } = known;
    const newest = { id, corpusId, status, labels };
    if (row === undefined) {
      const facts = { ...newest, contentType: null, metadata: null };
      return authorization.document(action, await this.grants(uid, caller), [facts], caller);
    }
    const [said, ...indexed] = await this.factsOf(action, row, caller);
    await authorization.document(action, await this.grants(uid, caller), [{ ...said, ...newest }, ...indexed], caller);
  }

  /** Refuses a document that may not come in, or become, as it would be. */
  async become(document: DocumentFacts, caller: CallerContext): Promise<void> {
    await this.parts.authorization.authorize('document.write', caller, resourceOf(document, caller.tenantId));
  }

  /** What is said of a document, for what it would become. */
  async saidOf(uid: string, caller: CallerContext): Promise<Pick<DocumentFacts, 'contentType' | 'metadata'>> {
    const row = await this.parts.shown.find(uid, caller);
    if (row === undefined) return { contentType: null, metadata: null };
    return (await this.factsOf('write', row, caller))[0];
  }

  /** Refuses who may not manage the permissions of a document; whether they may read it does not matter. */
  async manage(
    uid: string,
    known: Pick<KnownDocument, 'documentId' | 'corpusId'>,
    caller: CallerContext,
  ): Promise<void> {
    const row = await this.parts.shown.find(uid, caller);
    const { documentId: id, corpusId: corpus_id } = known;
    const unshown = { id, corpus_id, status: null, content_type: null, labels: {}, metadata: null };
    const all = row === undefined ? [unshown] : await this.resources(row);
    for (const resource of all) await this.parts.authorization.authorize('document.manage', caller, resource);
  }

  /** A document as policies must allow it, with all that they may look at. */
  async resources(row: Row) {
    const [said, ...indexed] = allOf(row, await this.stored(row));
    const resource = (facts: DocumentFacts) => resourceOf(facts, row.tenant_id);
    return [resource(said), ...indexed.map(resource)] as const;
  }

  private async grants(uid: string, { tenantId }: CallerContext): Promise<readonly Grant[]> {
    const acl = await this.parts.path.load(documentAcl, tenantId, uid);
    return acl.status === 'absent' ? [] : acl.grants;
  }

  /** A document as policies must allow it. Its metadata are kept apart, and not asked for where no policy could look at them. */
  private async factsOf(
    action: Guarded,
    row: Row,
    caller: CallerContext,
  ): Promise<readonly [DocumentFacts, ...DocumentFacts[]]> {
    const looks = await this.parts.authorization.looksAtMetadata(action, caller);
    return allOf(row, looks ? await this.stored(row) : nothing);
  }

  /** Documents from before descriptions were kept have theirs beside their chunks. */
  private async stored({ tenant_id, id, index_version, metadata_content_id: contentId }: Row): Promise<StoredMetadata> {
    if (index_version === null && contentId === null) return nothing;
    const [found] = await this.parts.database.query<StoredMetadata>(
      `select (select metadata from content.description where tenant_id = $1 and content_id = $4) as said,
              (select metadata from retrieval.version
                where tenant_id = $1 and document_id = $2 and version_id = $3) as indexed`,
      [tenant_id, id, index_version, contentId],
    );
    const { said = null, indexed = null } = found ?? {};
    return { said: contentId === null ? null : (said ?? indexed), indexed };
  }
}

interface StoredMetadata {
  readonly said: JsonObject | null;
  readonly indexed: JsonObject | null;
}

const nothing: StoredMetadata = { said: null, indexed: null };

/** A document as it was said to be last and, while that is not indexed, as the chunks are that answer. */
function allOf(row: Row, { said: metadata, indexed }: StoredMetadata): readonly [DocumentFacts, ...DocumentFacts[]] {
  const { document_id: id, corpus_id: corpusId, status, content_type, labels } = row;
  const said = { id, corpusId, status, contentType: content_type, labels: labels as JsonObject, metadata };
  if (row.indexed_labels === null) return [said];
  const { indexed_labels, indexed_content_type: contentType } = row;
  return [said, { ...said, labels: indexed_labels as JsonObject, contentType, metadata: indexed }];
}
