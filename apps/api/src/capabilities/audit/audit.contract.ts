import { Field } from '#api/http/fields.js';

/** Rows that an offset may leave out: each of them is read, so that a cursor is better for more. */
const MOST_OFFSET = 10_000;

export class AuditScope {
  @Field.string({
    does: "The caller's own tenant; platform operators may name another, or `_system` for events of nobody",
    max: 64,
    optional: true,
  })
  tenant_id?: string;
}

export class AuditFilters extends AuditScope {
  @Field.string({ does: 'Only events of this type', max: 128, optional: true, example: 'documents.deleted' })
  event_type?: string;

  @Field.enum(['success', 'failure'], { does: 'Only events with this outcome', optional: true })
  outcome?: 'success' | 'failure';

  @Field.string({ does: 'Only events of this kind of thing', max: 64, optional: true, example: 'document' })
  resource_type?: string;

  @Field.string({ does: 'Only events of this thing', max: 256, optional: true })
  resource_id?: string;

  @Field.string({ does: 'Only what this key or session did', max: 128, optional: true })
  actor_id?: string;

  @Field.enum(['api_key', 'sso_session', 'system', 'anonymous'], {
    does: 'Only what this kind of caller did',
    optional: true,
  })
  actor_type?: 'api_key' | 'sso_session' | 'system' | 'anonymous';

  @Field.string({ does: 'Only what happened under this request id', max: 128, optional: true })
  request_id?: string;

  @Field.string({ does: 'Only refusals with this code', max: 128, optional: true, example: 'AUTH_REVOKED_KEY' })
  error_code?: string;

  @Field.instant({ does: 'Not before this instant', optional: true })
  from?: string;

  @Field.instant({ does: 'Not after this instant', optional: true })
  to?: string;

  @Field.string({ does: 'The log as it was: a position of the domain log, or an instant', max: 64, optional: true })
  as_of?: string;
}

export class AuditQuery extends AuditFilters {
  @Field.integer({
    does: 'Rows to leave out; `cursor` is steadier, and goes further',
    min: 0,
    max: MOST_OFFSET,
    optional: true,
  })
  offset?: number;

  @Field.integer({ does: 'The most events to return', min: 1, max: 200, default: 50 })
  limit!: number;

  @Field.string({ does: 'Where the last page ended: `next_cursor`', max: 2_000, optional: true })
  cursor?: string;
}

export class AuditExportQuery extends AuditFilters {
  @Field.enum(['csv', 'jsonl'], { does: 'Comma-separated values, or one JSON object a line', default: 'jsonl' })
  format!: 'csv' | 'jsonl';
}

export class LogQuery {
  @Field.enum(['domain', 'access'], { does: 'The log: of what changed, or of who came', default: 'domain' })
  log!: 'domain' | 'access';
}

export class ConsistencyQuery extends LogQuery {
  @Field.integer({ does: 'The size of the older tree', min: 0 })
  from!: number;

  @Field.integer({ does: 'The size of the newer tree; the newest checkpoint when absent', min: 0, optional: true })
  to?: number;
}

export class AuditEventView {
  @Field.string()
  id!: string;

  @Field.instant()
  occurred_at!: string;

  @Field.string()
  tenant_id!: string;

  @Field.string({ example: 'api_key' })
  actor_type!: string;

  @Field.string({ nullable: true })
  actor_id!: string | null;

  @Field.string({ nullable: true })
  actor_role!: string | null;

  @Field.string({ example: 'documents.deleted' })
  event_type!: string;

  @Field.enum(['success', 'failure'])
  outcome!: string;

  @Field.string()
  resource_type!: string;

  @Field.string({ nullable: true })
  resource_id!: string | null;

  @Field.string({ nullable: true })
  request_id!: string | null;

  @Field.string({ nullable: true })
  ip_address!: string | null;

  @Field.string({ nullable: true })
  user_agent!: string | null;

  @Field.json()
  metadata_json!: object;

  @Field.string({ nullable: true })
  error_code!: string | null;

  @Field.instant()
  created_at!: string;

  @Field.enum(['domain', 'access'], { does: 'What changed, or who came, was refused or looked' })
  log!: 'domain' | 'access';

  @Field.string({ does: 'Where the event stands in its log' })
  position!: string;

  @Field.string({ does: 'The stream of the event' })
  stream!: string;

  @Field.integer({ does: 'Its number in the stream' })
  revision!: number;
}

export class AuditPage {
  @Field.list(() => AuditEventView)
  items!: readonly AuditEventView[];

  @Field.integer({ nullable: true })
  next_offset!: number | null;

  @Field.string({ nullable: true })
  next_cursor!: string | null;
}

export class CheckpointView {
  @Field.string({ does: 'The signed note (C2SP tlog-checkpoint)' })
  checkpoint!: string;

  @Field.integer({ does: 'Events under it' })
  size!: number;

  @Field.string({ does: 'The root hash, base64' })
  root!: string;

  @Field.string({ does: 'The public key of the log, to be compared with one that was got elsewhere' })
  vkey!: string;

  @Field.instant()
  created_at!: string;
}

export class InclusionProofView {
  @Field.integer()
  index!: number;

  @Field.string({ does: 'The leaf bytes, base64' })
  leaf!: string;

  @Field.strings({ does: 'The path, base64 hashes' })
  path!: readonly string[];

  @Field.string()
  checkpoint!: string;

  @Field.string({ does: 'The whole proof as text (C2SP tlog-proof)' })
  text!: string;
}

export class ConsistencyProofView {
  @Field.integer()
  from!: number;

  @Field.integer()
  to!: number;

  @Field.strings()
  path!: readonly string[];
}
