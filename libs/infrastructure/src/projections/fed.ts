import type { Recorded } from '#domain/kernel/events.js';
import { handledTypes, type AnyProjection } from '#domain/kernel/projection.js';
import type { ReadTable } from './read-table.js';

type Row = {
  readonly table_name: string;
  readonly version: number;
  readonly generation: number;
  readonly position: string;
  readonly quarantine_revision: number;
  readonly epoch: string;
  readonly state: string;
  readonly ready_at: Date | null;
};

/** One generation that this process feeds: its table, its lease and where it stands. */
export class Fed {
  readonly key: readonly [table: string, version: number, generation: number];
  readonly epoch: string;
  readonly name: string;
  position: string;
  /** When its checkpoint moved last, which prolongs its lease; milliseconds of this process. */
  movedAt = -Infinity;
  /** Keys whose events are parked; reloaded when the checkpoint row says that the list changed. */
  quarantined: ReadonlySet<string> | undefined;
  quarantineRevision: number;
  latestRevision: number;
  /** True while the version's view points at this generation. */
  serving: boolean;
  /** True once the checkpoint row knows that this generation has been at the head. */
  ready: boolean;
  private readonly types: ReadonlySet<string> | undefined;

  constructor(
    readonly projection: AnyProjection,
    readonly table: ReadTable,
    row: Row,
    readonly owner: string | null,
  ) {
    this.key = [row.table_name, row.version, row.generation];
    this.name = `${row.table_name} v${row.version} generation ${row.generation}`;
    this.epoch = row.epoch;
    this.position = row.position;
    this.ready = row.ready_at !== null;
    this.serving = row.state === 'active';
    this.quarantineRevision = row.quarantine_revision;
    this.latestRevision = row.quarantine_revision;
    const types = handledTypes(projection);
    this.types = types === undefined ? undefined : new Set(types);
  }

  is(row: Pick<Row, 'table_name' | 'version' | 'generation'>): boolean {
    return row.table_name === this.key[0] && row.version === this.key[1] && row.generation === this.key[2];
  }

  handles(type: string): boolean {
    return this.types === undefined || this.types.has(type);
  }

  /** The events that this generation has not seen and folds. */
  relevant(events: readonly Recorded[]): readonly Recorded[] {
    const { position } = this;
    return events.filter((event) => event.position > position && this.handles(event.type));
  }

  /** Takes over what the checkpoint row says inside a transaction; the position only counts once that commits. */
  moved(row: Pick<Row, 'quarantine_revision' | 'state'>): void {
    this.latestRevision = row.quarantine_revision;
    this.serving = row.state === 'active';
  }
}
