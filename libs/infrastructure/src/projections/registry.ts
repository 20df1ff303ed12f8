import type { Capability } from '#domain/kernel/capability.js';
import { UnknownEventType, upcast, type EventDefinition, type Recorded } from '#domain/kernel/events.js';
import type { AnyProjection } from '#domain/kernel/projection.js';
import type { AnyReaction } from '#domain/kernel/reaction.js';
import type { LogId, StoredEvent } from '#infra/event-log/event-log.js';

const tablePattern = /^[a-z][a-z0-9_]{0,40}$/;

/** What all capabilities declare, by name. The only place that turns stored events into what folds see. */
export class CapabilityRegistry {
  readonly projections: readonly AnyProjection[];
  readonly reactions: readonly AnyReaction[];
  private readonly definitions = new Map<string, EventDefinition>();
  private readonly logs = new Map<string, LogId>();

  /** Throws when an event type or a (table, version) is declared twice, or a table name is no plain identifier. */
  constructor(readonly capabilities: readonly Capability[]) {
    for (const [type, definition] of capabilities.flatMap((capability) => Object.entries(capability.events))) {
      if (this.definitions.has(type)) throw new Error(`event type ${type} is declared twice`);
      this.definitions.set(type, definition);
    }
    this.projections = capabilities.flatMap((capability) => capability.projections);
    this.reactions = capabilities.flatMap((capability) => capability.reactions);
    for (const { projections, log } of capabilities) for (const { table } of projections) this.logs.set(table, log);
    const names = new Set<string>();
    for (const { table, version } of this.projections) {
      if (!tablePattern.test(table)) throw new Error(`projection table ${table} is not a plain identifier`);
      if (names.has(`${table}:${version}`)) throw new Error(`projection ${table} version ${version} is declared twice`);
      names.add(`${table}:${version}`);
    }
  }

  definition(type: string): EventDefinition | undefined {
    return this.definitions.get(type);
  }

  /** The projection of a table: its newest version, or the one asked for. Throws when this build has none. */
  projection(table: string, version?: number): AnyProjection {
    const found = this.projections
      .filter((projection) => projection.table === table && (version ?? projection.version) === projection.version)
      .toSorted((a, b) => b.version - a.version)[0];
    if (found === undefined) throw new UnknownProjection(table, version);
    return found;
  }

  /** The log that a table's projection folds; tables that this build does not know are of the domain log. */
  logOf(table: string): LogId {
    return this.logs.get(table) ?? 'domain';
  }

  /** The projections that fold one log. */
  projectionsOf(log: LogId): readonly AnyProjection[] {
    return this.projections.filter(({ table }) => this.logOf(table) === log);
  }

  /** True for the newest version of its table that this build declares. */
  isNewest(projection: AnyProjection): boolean {
    return this.projection(projection.table) === projection;
  }

  /** The event with its payload in the newest version; undefined when this build does not know its type or version. */
  toRecorded(stored: StoredEvent): Recorded | undefined {
    const definition = this.definitions.get(stored.type);
    if (definition === undefined) return undefined;
    if (stored.schemaVersion === definition.version) return recorded(stored, stored.data, definition.version);
    try {
      const data = upcast(definition, stored.type, stored.schemaVersion, stored.data);
      return recorded(stored, data, definition.version);
    } catch (error) {
      if (error instanceof UnknownEventType) return undefined;
      // A broken upcaster must stop the projections that read the event, and no other: they find it when they look.
      const broken = recorded(stored, stored.data, stored.schemaVersion);
      return Object.defineProperty({ ...broken }, 'data', { get: () => rethrow(error) });
    }
  }
}

function recorded(stored: StoredEvent, data: StoredEvent['data'], schemaVersion: number): Recorded {
  return {
    type: stored.type,
    data,
    id: stored.id,
    stream: stored.stream,
    revision: stored.revision,
    position: stored.position,
    schemaVersion,
    tenantId: stored.metadata.tenantId,
    occurredAt: stored.metadata.occurredAt,
    metadata: stored.metadata,
  };
}

function rethrow(error: unknown): never {
  throw error;
}

/** The build declares no such projection. */
export class UnknownProjection extends Error {
  constructor(table: string, version?: number) {
    super(`there is no projection ${table}${version === undefined ? '' : ` version ${version}`} in this build`);
    this.name = 'UnknownProjection';
  }
}
