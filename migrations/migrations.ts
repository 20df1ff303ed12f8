import type { MigrationInterface } from 'typeorm';

/** Every migration of the durable tables, in order; forward only. */
export const migrations: readonly (new () => MigrationInterface)[] = [];
