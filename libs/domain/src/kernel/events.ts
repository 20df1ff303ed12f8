import type { Infer, JsonObject, Shape } from './schema.js';

/** How an event appears in the audit log. */
export interface AuditMapping {
  /** Dotted name of the audit taxonomy, e.g. `auth.api_key.created`. */
  readonly type: string;
  readonly category: 'auth' | 'security' | 'data' | 'run' | 'system' | 'quota' | 'governance' | 'compliance' | 'ops';
  readonly outcome: 'success' | 'failure';
  /** The kind of the thing that changed, and the field of the payload that holds its id. */
  readonly resource: readonly [type: string, idField: string];
  /** Payload fields that the audit row shows as metadata; personal fields are refused here. */
  readonly shows?: readonly string[];
}

/** One event type: the newest payload version, its shape, its audit mapping, and the steps from older versions. */
export interface EventDefinition<S extends Shape = Shape> {
  readonly version: number;
  readonly data: S;
  readonly audit: AuditMapping;
  /** `upcasters[n]` turns a payload of version n into one of version n + 1; pure, without clock, I/O or keys. */
  readonly upcasters?: Readonly<Record<number, (data: JsonObject) => JsonObject>>;
}

export type EventTable = Readonly<Record<string, EventDefinition>>;

/** The tagged union of an event table. */
export type EventOf<T extends EventTable> = {
  [K in keyof T & string]: { readonly type: K; readonly data: Infer<T[K]['data']> };
}[keyof T & string];

/** What every decider emits: a past-tense type and a plain payload. */
export interface DomainEvent {
  readonly type: string;
  readonly data: object;
}

export type ActorType = 'api_key' | 'sso_session' | 'system' | 'anonymous';

export interface Actor {
  readonly type: ActorType;
  readonly id: string | null;
  readonly role: string | null;
}

/** Who, why and when, stored beside each payload. Instants are ISO 8601 UTC with milliseconds. */
export interface EventMetadata {
  readonly tenantId: string;
  readonly actor: Actor;
  readonly commandId: string;
  readonly requestId: string | null;
  readonly correlationId: string | null;
  readonly causationId: string | null;
  readonly traceparent: string | null;
  readonly region: string | null;
  readonly epoch: number;
  readonly occurredAt: string;
  readonly ipAddress?: string | null;
  readonly userAgent?: string | null;
}

/** A stored event as folds see it: the newest payload version with its place in the log. */
export type Recorded<E extends DomainEvent = DomainEvent> = E & {
  readonly id: string;
  readonly stream: string;
  readonly revision: number;
  /** Opaque, fixed width, ordered byte by byte. */
  readonly position: string;
  readonly schemaVersion: number;
  readonly tenantId: string;
  readonly occurredAt: string;
  readonly metadata: EventMetadata;
};

/** Declares the events of one capability. Names are past tense and unique over all capabilities. */
export function defineEvents<const T extends EventTable>(table: T): T {
  return table;
}

/** Thrown when a stored event has no definition in this build; live projections skip it, a rebuild stops. */
export class UnknownEventType extends Error {
  readonly eventType: string;

  constructor(eventType: string, version: number) {
    super(`event type ${eventType} version ${version} is not known to this build`);
    this.name = 'UnknownEventType';
    this.eventType = eventType;
  }
}

/** Brings a stored payload to the newest version of its definition. */
export function upcast(definition: EventDefinition, type: string, version: number, data: JsonObject): JsonObject {
  let current = data;
  for (let at = version; at < definition.version; at += 1) {
    const step = definition.upcasters?.[at];
    if (step === undefined) throw new UnknownEventType(type, at);
    current = step(current);
  }
  if (version > definition.version) throw new UnknownEventType(type, version);
  return current;
}
