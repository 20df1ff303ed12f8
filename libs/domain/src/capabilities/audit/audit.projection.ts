import { defineErrors } from '../../kernel/errors.js';
import type { AuditMapping, DomainEvent, EventDefinition, Recorded } from '../../kernel/events.js';
import { defineProjection } from '../../kernel/projection.js';
import { redactMetadata, redactText } from '../../kernel/redaction.js';
import type { Json } from '../../kernel/schema.js';

export const auditErrors = defineErrors('audit', {
  notFound: ['not_found', 'NOT_FOUND', 'No such audit event'],
  notSealed: ['conflict', 'LEDGER_NOT_SEALED', 'This is not under a signed checkpoint yet'],
});

/** An audit log: one row for every event of one of the logs, by the mapping that its type declares. */
export function auditProjection(of: {
  readonly table: 'audit_events' | 'access_events';
  readonly version: number;
  readonly definitions: ReadonlyMap<string, EventDefinition>;
}) {
  const { table, version, definitions } = of;
  return defineProjection()({
    table,
    version,
    form: 'append',
    columns: {
      id: 'text',
      tenant_id: 'text',
      position: 'text',
      occurred_at: 'timestamptz',
      actor_type: 'text',
      actor_id: 'text?',
      actor_role: 'text?',
      event_type: 'text',
      category: 'text',
      outcome: 'text',
      resource_type: 'text',
      resource_id: 'text?',
      request_id: 'text?',
      ip_address: 'text?',
      user_agent: 'text?',
      metadata_json: 'jsonb',
      error_code: 'text?',
      stream: 'text',
      revision: 'integer',
      domain_type: 'text',
    },
    indexes: [
      ['tenant_id', 'occurred_at', 'position'],
      ['tenant_id', 'event_type', 'occurred_at', 'position'],
      ['tenant_id', 'outcome', 'occurred_at', 'position'],
      ['tenant_id', 'actor_id', 'occurred_at', 'position'],
      ['tenant_id', 'request_id'],
      // Endpoints are the resources of access, and retention cuts that by position.
      table === 'access_events' ? ['position'] : ['tenant_id', 'resource_type', 'resource_id', 'occurred_at'],
    ],
    key: (event) => event.id,
    onAny: (event) => {
      const definition = definitions.get(event.type);
      return definition === undefined ? undefined : auditRow(event, definition);
    },
  });
}

function auditRow(event: Recorded, { audit, data: shape }: EventDefinition) {
  const payload = event.data as Readonly<Record<string, Json | undefined>>;
  const { actor, requestId, ipAddress, userAgent } = event.metadata;
  return {
    id: event.id,
    tenant_id: event.tenantId,
    position: event.position,
    occurred_at: event.occurredAt,
    actor_type: actor.type,
    actor_id: actor.id,
    actor_role: actor.role,
    event_type: audit.type,
    category: audit.category,
    outcome: audit.outcome,
    resource_type: audit.resource[0],
    resource_id: resourceIdOf(event, audit),
    request_id: requestId,
    ip_address: ipAddress ?? null,
    user_agent: userAgent == null ? null : redactText(userAgent),
    metadata_json: redactMetadata(
      shownFields(payload, audit.shows ?? [], (name) => shape[name]?.personal !== undefined),
    ),
    error_code: audit.outcome === 'failure' ? textOf(payload['code']) : null,
    stream: event.stream,
    revision: event.revision,
    domain_type: event.type,
  };
}

const textOf = (value: Json | undefined): string | null => (typeof value === 'string' ? value : null);

function resourceIdOf(event: DomainEvent, audit: AuditMapping): string | null {
  return textOf((event.data as Readonly<Record<string, Json | undefined>>)[audit.resource[1]]);
}

const snakeCase = (name: string): string => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

function shownFields(
  payload: Readonly<Record<string, Json | undefined>>,
  names: readonly string[],
  isPersonal: (name: string) => boolean,
): Json {
  const shown = names.filter((name) => payload[name] !== undefined && !isPersonal(name));
  return Object.fromEntries(shown.map((name) => [snakeCase(name), payload[name] ?? null]));
}
