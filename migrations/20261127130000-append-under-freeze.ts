import type { MigrationInterface, QueryRunner } from 'typeorm';

/**
 * An append that is taken under a write freeze: for what gets the installation going again. The gate is opened and closed
 * within one transaction, so that nobody else sees it open; called only while it is closed, when nobody else holds the head.
 */
export class AppendUnderFreeze20261127130000 implements MigrationInterface {
  async up(runner: QueryRunner): Promise<void> {
    await runner.query(`
      create function log.append_under_freeze(
        p_log smallint, p_epoch bigint, p_streams text[], p_expected bigint[], p_counts int[],
        p_append int[], p_ids uuid[], p_types text[], p_versions int[], p_data text[], p_metadata text[]
      ) returns table (verdict "char", revision bigint, "position" bigint)
      language plpgsql as $$
      declare v_frozen boolean;
      begin
        select h.frozen into v_frozen from log.head h where h.log_id = p_log for no key update;
        update log.head h set frozen = false where h.log_id = p_log and h.frozen;
        return query select * from log.append_batch(p_log, p_epoch, p_streams, p_expected, p_counts,
                                                    p_append, p_ids, p_types, p_versions, p_data, p_metadata);
        update log.head h set frozen = v_frozen where h.log_id = p_log and v_frozen;
      end $$`);
  }

  async down(): Promise<void> {
    throw new Error('migrations go forward only');
  }
}
