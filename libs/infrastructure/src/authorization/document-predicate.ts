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
 * permissions and policies at once, with the verdict that a single document is given in memory.
 */
export function readableDocuments(reading: DocumentReading): VisibilityPredicate {
  const permitted = allowed('d', reading, () => '$1');
  const predicate = fitting((alias, next) =>
    permitted === false ? false : allOf([granted(alias, reading, next), allowed(alias, reading, next)]),
  );
  return Object.assign(predicate, { varies: typeof permitted === 'string' });
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
): RowCondition {
  if (policies === undefined) return true;
  const column = (path: readonly string[]): string | undefined => documentColumn(alias, path, next);
  return policiesSql(policies, { facts, next, column }, defaultDeny);
}

const plain = ['tenant_id', 'corpus_id', 'status', 'content_type'];

/** What policies may look at of a document, as jsonb that is never SQL null. */
function documentColumn(alias: string, [name = '', ...rest]: readonly string[], next: SqlContext['next']) {
  if (name === 'id') return rest.length === 0 ? `to_jsonb(${alias}.document_id)` : undefined;
  if (plain.includes(name)) return rest.length === 0 ? `to_jsonb(${alias}.${name})` : undefined;
  if (name === 'labels') return member(`${alias}.labels`, rest, next);
  if (name !== 'metadata') return undefined;
  const metadata = `(select version.metadata from retrieval.version version
    where version.tenant_id = ${alias}.tenant_id and version.document_id = ${alias}.id
      and version.version_id = ${alias}.index_version)`;
  return member(metadata, rest, next);
}

/** By name from objects only, as in memory: a number finds no place in a list. */
function member(json: string, path: readonly string[], next: SqlContext['next']): string {
  const steps = path.map((name) => ` -> ${next(name)}::text`).join('');
  return `coalesce(${json}${steps}, 'null'::jsonb)`;
}
