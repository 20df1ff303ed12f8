import type { MigrationInterface } from 'typeorm';
import { EventLog20261121000100 } from './20261121000100-event-log.js';
import { Projections20261121023500 } from './20261121023500-projections.js';

/** Every migration of the durable tables, in order; forward only. */
export const migrations: readonly (new () => MigrationInterface)[] = [EventLog20261121000100, Projections20261121023500];
