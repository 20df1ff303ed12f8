import { byteaArray } from '#infra/database/binary-arrays.js';
import type { Database } from '#infra/database/database.js';
import type { LogId, Position } from '#infra/event-log/event-log.js';
import { HASH_BYTES } from './merkle.js';
import { openTiles, type Tile } from './tiles.js';

/** How far a log is sealed: leaves, place of the last one, and number of acknowledged breaks plus one. */
export interface Sealed {
  readonly timeline: number;
  readonly size: number;
  readonly position: Position | null;
}

export interface StoredLeaf {
  readonly index: number;
  readonly position: Position;
  readonly eventId: string;
  readonly leaf: Uint8Array;
  readonly hash: Uint8Array;
}

export interface StoredCheckpoint {
  readonly timeline: number;
  readonly size: number;
  readonly root: Uint8Array;
  readonly note: string;
  /** ISO 8601 UTC. */
  readonly createdAt: string;
}

export interface NewSeal {
  readonly from: Sealed;
  readonly leaves: readonly StoredLeaf[];
  readonly tiles: readonly Tile[];
  readonly checkpoint: Omit<StoredCheckpoint, 'createdAt' | 'timeline'>;
}

/** Another sealer moved the seal first; nothing was written. */
export class SealFenced extends Error {
  constructor() {
    super('another process sealed this log meanwhile');
    this.name = 'SealFenced';
  }
}

interface LeafRow {
  readonly idx: string;
  readonly position: string;
  readonly event_id: string;
  readonly leaf: Buffer;
  readonly hash: Buffer;
}

interface CheckpointRow {
  readonly timeline: number;
  readonly size: string;
  readonly root: Buffer;
  readonly note: string;
  readonly created_at: Date;
}

/** The tables of one log's ledger. */
export class LedgerStore {
  constructor(
    private readonly database: Database,
    readonly log: LogId,
  ) {}

  async sealed(): Promise<Sealed> {
    const [row] = await this.database.query<{ timeline: number; size: string; position: string | null }>(
      'select timeline, size, position from ledger.sealed where log_id = $1',
      [this.log],
    );
    return row === undefined
      ? { timeline: 1, size: 0, position: null }
      : { timeline: row.timeline, size: Number(row.size), position: row.position };
  }

  /** Takes or keeps the sealer's lease; false while another holder has it. */
  async lease(holder: string, milliseconds: number): Promise<boolean> {
    const taken = await this.database.execute(
      `insert into ledger.sealed (log_id, holder, held_until) values ($1, $2, now() + $3 * interval '1 millisecond')
       on conflict (log_id) do update set holder = excluded.holder, held_until = excluded.held_until
        where ledger.sealed.holder = excluded.holder or coalesce(ledger.sealed.held_until < now(), true)`,
      [this.log, holder, milliseconds],
    );
    return taken === 1;
  }

  async release(holder: string): Promise<void> {
    await this.database.execute('update ledger.sealed set held_until = null where log_id = $1 and holder = $2', [
      this.log,
      holder,
    ]);
  }

  /** Writes leaves, tiles and checkpoint in one transaction; throws SealFenced when the seal is not where `from` says. */
  async write(seal: NewSeal): Promise<void> {
    const { from, leaves, tiles, checkpoint } = seal;
    await this.database.transaction(async () => {
      const moved = await this.database.execute(
        'update ledger.sealed set size = $4, position = $5 where log_id = $1 and timeline = $2 and size = $3',
        [this.log, from.timeline, from.size, checkpoint.size, leaves.at(-1)?.position ?? from.position],
      );
      if (moved !== 1) throw new SealFenced();
      await this.insertLeaves(leaves);
      await this.upsertTiles(tiles);
      await this.database.execute(
        'insert into ledger.checkpoint (log_id, timeline, size, root, note) values ($1, $2, $3, $4, $5)',
        [this.log, from.timeline, checkpoint.size, checkpoint.root, checkpoint.note],
      );
    });
  }

  /** Leaves in order from an index on. */
  async leaves(from: number, limit: number): Promise<StoredLeaf[]> {
    return this.leafRows('log_id = $1 and idx >= $2 order by idx limit $3', [from, limit]);
  }

  async leafOfEvent(eventId: string): Promise<StoredLeaf | undefined> {
    return (await this.leafRows('log_id = $1 and event_id = $2 limit 1', [eventId]))[0];
  }

  async leafAtPosition(position: Position): Promise<StoredLeaf | undefined> {
    return (await this.leafRows('log_id = $1 and position = $2', [position]))[0];
  }

  /** The hashes of a tile as far as they are stored; empty when there is no such tile. */
  async tile(level: number, index: number): Promise<Uint8Array> {
    const [row] = await this.database.query<{ hashes: Buffer }>(
      'select hashes from ledger.tile where log_id = $1 and level = $2 and idx = $3',
      [this.log, level, index],
    );
    return row?.hashes ?? new Uint8Array();
  }

  /** The open tiles of a tree of `size` leaves, to go on from. */
  async openTiles(size: number): Promise<Tile[]> {
    const open: Tile[] = [];
    for (const { level, index, width } of openTiles(size)) {
      const hashes = width === 0 ? new Uint8Array() : await this.tile(level, index);
      if (hashes.length < width * HASH_BYTES) throw new RangeError(`tile ${level}/${index} is not stored`);
      open.push({ level, index, width, hashes: hashes.subarray(0, width * HASH_BYTES) });
    }
    return open;
  }

  async latestCheckpoint(): Promise<StoredCheckpoint | undefined> {
    const rows = await this.checkpointRows('order by timeline desc, size desc limit 1', []);
    return rows[0];
  }

  async checkpoint(timeline: number, size: number): Promise<StoredCheckpoint | undefined> {
    return (await this.checkpointRows('and timeline = $2 and size = $3', [timeline, size]))[0];
  }

  /** Checkpoints of a timeline with sizes in (after, upTo], in order. */
  async checkpoints(timeline: number, after: number, upTo: number): Promise<StoredCheckpoint[]> {
    return this.checkpointRows('and timeline = $2 and size > $3 and size <= $4 order by size', [timeline, after, upTo]);
  }

  /** Records an operator's acknowledgement, empties the tree and opens the next timeline, in one transaction. */
  async restart(
    next: number,
    note: { reason: string; actor: string; abandoned: string | null; refusal: string },
  ): Promise<void> {
    await this.database.transaction(async () => {
      await this.database.execute(
        `insert into ledger.acknowledgement (log_id, timeline, reason, actor, abandoned, refusal)
         values ($1, $2, $3, $4, $5, $6)`,
        [this.log, next, note.reason, note.actor, note.abandoned, note.refusal],
      );
      await this.database.execute('delete from ledger.leaf where log_id = $1', [this.log]);
      await this.database.execute('delete from ledger.tile where log_id = $1', [this.log]);
      await this.database.execute(
        'update ledger.sealed set timeline = $2, size = 0, position = null where log_id = $1',
        [this.log, next],
      );
    });
  }

  private async insertLeaves(leaves: readonly StoredLeaf[]): Promise<void> {
    await this.database.queryPrepared(
      `insert into ledger.leaf (log_id, idx, position, event_id, leaf, hash)
       select $1, * from unnest($2::bigint[], $3::text[], $4::text[], $5::bytea[], $6::bytea[])`,
      [
        this.log,
        leaves.map((leaf) => leaf.index),
        leaves.map((leaf) => leaf.position),
        leaves.map((leaf) => leaf.eventId),
        byteaArray(leaves.map((leaf) => leaf.leaf)),
        byteaArray(leaves.map((leaf) => leaf.hash)),
      ],
    );
  }

  private async upsertTiles(tiles: readonly Tile[]): Promise<void> {
    await this.database.execute(
      `insert into ledger.tile (log_id, level, idx, width, hashes)
       select $1, * from unnest($2::smallint[], $3::bigint[], $4::smallint[], $5::bytea[])
       on conflict (log_id, level, idx) do update set width = excluded.width, hashes = excluded.hashes`,
      [
        this.log,
        tiles.map((tile) => tile.level),
        tiles.map((tile) => tile.index),
        tiles.map((tile) => tile.width),
        tiles.map((tile) => tile.hashes),
      ],
    );
  }

  private async leafRows(where: string, params: readonly unknown[]): Promise<StoredLeaf[]> {
    const rows = await this.database.query<LeafRow>(
      `select idx, position, event_id, leaf, hash from ledger.leaf where ${where}`,
      [this.log, ...params],
    );
    return rows.map((row) => ({
      index: Number(row.idx),
      position: row.position,
      eventId: row.event_id,
      leaf: row.leaf,
      hash: row.hash,
    }));
  }

  private async checkpointRows(rest: string, params: readonly unknown[]): Promise<StoredCheckpoint[]> {
    const rows = await this.database.query<CheckpointRow>(
      `select timeline, size, root, note, created_at from ledger.checkpoint where log_id = $1 ${rest}`,
      [this.log, ...params],
    );
    return rows.map((row) => ({
      timeline: row.timeline,
      size: Number(row.size),
      root: row.root,
      note: row.note,
      createdAt: row.created_at.toISOString(),
    }));
  }
}
