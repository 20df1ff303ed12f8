import type { Decider, DomainCommand } from './decider.js';
import type { DomainEvent } from './events.js';

/** Erasable bytes outside the log, as job handlers see them. */
export interface ContentPort {
  /** The clear bytes; undefined when they, or their key, are gone. */
  get(tenantId: string, id: string): Promise<Uint8Array | undefined>;
  delete(tenantId: string, id: string): Promise<void>;
}

/** The keys under which a subject's contents are sealed. */
export interface SubjectKeyPort {
  /** Destroys the subject's keys for ever, so that no copy can be read again. */
  destroy(subject: { readonly tenantId: string; readonly kind: string; readonly id: string }): Promise<boolean>;
}

/** The command path, as job handlers see it. */
export interface CommandPort {
  load<E extends DomainEvent, S>(decider: Decider<never, E, S>, tenantId: string, streamId: string): Promise<S>;
  /** Runs a command as the system; the same `commandId` again changes nothing. Throws CatalogueError for a refusal. */
  run<C extends DomainCommand, E extends DomainEvent, S>(
    decider: Decider<C, E, S>,
    tenantId: string,
    streamId: string,
    command: C,
    commandId: string,
  ): Promise<void>;
}
