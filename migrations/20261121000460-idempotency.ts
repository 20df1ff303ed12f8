import type { MigrationInterface, QueryRunner } from 'typeorm';

/** Claims of idempotency keys, with the facts that a repeated run decides by. */
export class Idempotency20261121000460 implements MigrationInterface {
  readonly name = 'Idempotency20261121000460';

  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`create schema idempotency`);
    await runner.query(`
      create table idempotency.claim (
        tenant_id text not null,
        scope text not null,
        claim_id uuid not null,
        fingerprint text not null,
        facts jsonb not null,
        lease_until timestamptz not null,
        status int,
        key_id uuid,
        response bytea,
        created_at timestamptz not null,
        expires_at timestamptz not null,
        primary key (tenant_id, scope)
      )`);
    await runner.query(`create index claim_expiry on idempotency.claim (expires_at)`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
