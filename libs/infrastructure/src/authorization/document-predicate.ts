import type { Facts } from '#domain/capabilities/authorization/condition-closures.ports.js';
import { principalsOf, type Grantee } from '#domain/capabilities/authorization/permissions.ports.js';
import type { PairPolicies } from '#domain/capabilities/authorization/policies.ports.js';
import type { VisibilityPredicate } from '#infra/retrieval/retrieval-sql.js';
import { allOf, type RowCondition, type SqlContext } from './condition-sql.js';
import { fitting, policiesSql } from './policies-sql.js';

/** Who wants to read, and by which rules. */
export interface DocumentReading {
  /** Undefined: permissions are not asked for. */
  readonly grantee: Grantee | undefined;
  /** Undefined: policies are not asked for. */
  readonly policies: PairPolicies | undefined;
  /** Everything that policies may look at but the document. */
  readonly facts: Facts;
  readonly defaultDeny: boolean;
  /** ISO 8601 in UTC: permissions that end before it have ended. */
  readonly now: string;
  /** The relation of permissions, e.g. `read.document_acls_v1`. */
  readonly acls: string;
}

/**
 * The documents that somebody may read, as a condition on rows of the documents read model: decided in one query, by
 * permissions and policies at once, with the verdict that a single document is given in memory. While a document is being
 * replaced, policies must allow both what answers and what is to.
 */
export function readableDocuments(reading: DocumentReading): VisibilityPredicate {
  const permitted = allowed('d', reading, () => '$1', said);
  const differs = permitted !== allowed('d', reading, () => '$1', indexed);
  const predicate = fitting((alias, next) => {
    if (permitted === false) return false;
    const values = new Repeated(next);
    const all = [granted(alias, reading, next), allowed(alias, reading, values.first, said)];
    if (differs) all.push(`(${alias}.indexed_labels is null or ${allowed(alias, reading, values.again, indexed)})`);
    return allOf(all);
  });
  return Object.assign(predicate, { varies: typeof permitted === 'string' });
}

/** The parameters of a condition that is written twice: the second time those that it has already. */
class Repeated {
  private readonly placed: (readonly [value: unknown, place: string])[] = [];
  private at = 0;

  constructor(private readonly next: SqlContext['next']) {}

  readonly first: SqlContext['next'] = (value) => {
    const place = this.next(value);
    this.placed.push([value, place]);
    return place;
  };

  readonly again: SqlContext['next'] = (value) => {
    const [known, place] = this.placed[this.at] ?? [];
    this.at += 1;
    return place !== undefined && Object.is(known, value) ? place : this.next(value);
  };
}

function granted(alias: string, { grantee, acls, now }: DocumentReading, next: SqlContext['next']): RowCondition {
  if (grantee === undefined) return true;
  const names = `${next(principalsOf(grantee))}::text[]`;
  return `exists (select 1 from ${acls} acl
    where acl.tenant_id = ${alias}.tenant_id and acl.id = ${alias}.id and (acl.readers && ${names}
       or (acl.guests is not null and exists (select 1 from jsonb_array_elements(acl.guests) guest
            where guest ->> 'who' = any(${names}) and (guest ->> 'until') collate "C" > ${next(now)}::text))))`;
}

function allowed(
  alias: string,
  { policies, facts, defaultDeny }: DocumentReading,
  next: SqlContext['next'],
  described: Described,
): RowCondition {
  if (policies === undefined) return true;
  const column = (path: readonly string[]): string | undefined => documentColumn(alias, path, next, described);
  return policiesSql(policies, { facts, next, column }, defaultDeny);
}

const plain = ['tenant_id', 'corpus_id', 'status'];

/** Where it stands what a document is: SQL by the alias of its row. */
interface Described {
  readonly contentType: (alias: string) => string;
  readonly labels: (alias: string) => string;
  readonly metadata: (alias: string) => string;
}

const indexedMetadata = (alias: string): string => `(select version.metadata from retrieval.version version
    where version.tenant_id = ${alias}.tenant_id and version.document_id = ${alias}.id
      and version.version_id = ${alias}.index_version)`;

/** As it was said last. Documents from before descriptions were kept have theirs beside their chunks. */
const said: Described = {
  contentType: (alias) => `${alias}.content_type`,
  labels: (alias) => `${alias}.labels`,
  metadata: (alias) => `(case when ${alias}.metadata_content_id is not null then coalesce(
    (select description.metadata from content.description description
      where description.tenant_id = ${alias}.tenant_id and description.content_id = ${alias}.metadata_content_id::uuid),
    ${indexedMetadata(alias)}) end)`,
};

/** As the chunks are that answer while what was handed in since is not indexed. */
const indexed: Described = {
  contentType: (alias) => `${alias}.indexed_content_type`,
  labels: (alias) => `${alias}.indexed_labels`,
  metadata: indexedMetadata,
};

/** What policies may look at of a document, as jsonb that is never SQL null. */
function documentColumn(
  alias: string,
  [name = '', ...rest]: readonly string[],
  next: SqlContext['next'],
  described: Described,
): string | undefined {
  if (name === 'labels') return member(described.labels(alias), rest, next);
  if (name === 'metadata') return member(described.metadata(alias), rest, next);
  if (rest.length > 0) return undefined;
  if (name === 'id') return `to_jsonb(${alias}.document_id)`;
  if (name === 'content_type') return `to_jsonb(${described.contentType(alias)})`;
  return plain.includes(name) ? `to_jsonb(${alias}.${name})` : undefined;
}

/** By name from objects only, as in memory: a number finds no place in a list. */
function member(json: string, path: readonly string[], next: SqlContext['next']): string {
  const steps = path.map((name) => ` -> ${next(name)}::text`).join('');
  return `coalesce(${json}${steps}, 'null'::jsonb)`;
}
