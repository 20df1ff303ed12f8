import type { MigrationInterface, QueryRunner } from 'typeorm';

/** The Merkle tree over each log: leaves, tiles (256 wide), signed checkpoints, and how far each log is sealed. */
export class Ledger20261121000300 implements MigrationInterface {
  name = 'Ledger20261121000300';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema ledger`);
    await runner.query(`
      create table ledger.sealed (
        log_id text primary key,
        timeline integer not null default 1,
        size bigint not null default 0,
        position text,
        holder text,
        held_until timestamptz
      )`);
    await runner.query(`
      create table ledger.leaf (
        log_id text not null,
        idx bigint not null,
        position text not null,
        event_id text not null,
        leaf bytea not null,
        hash bytea not null,
        primary key (log_id, idx),
        unique (log_id, position)
      )`);
    await runner.query(`create index leaf_event on ledger.leaf (log_id, event_id)`);
    await runner.query(`
      create table ledger.tile (
        log_id text not null,
        level smallint not null,
        idx bigint not null,
        width smallint not null,
        hashes bytea not null,
        primary key (log_id, level, idx)
      )`);
    await runner.query(`
      create table ledger.checkpoint (
        log_id text not null,
        timeline integer not null,
        size bigint not null,
        root bytea not null,
        note text not null,
        created_at timestamptz not null default now(),
        primary key (log_id, timeline, size)
      )`);
    await runner.query(`
      create table ledger.acknowledgement (
        log_id text not null,
        timeline integer not null,
        reason text not null,
        actor text not null,
        abandoned text,
        refusal text not null,
        created_at timestamptz not null default now(),
        primary key (log_id, timeline)
      )`);
  }

  down(): Promise<void> {
    return Promise.reject(new Error('migrations go forward only'));
  }
}
