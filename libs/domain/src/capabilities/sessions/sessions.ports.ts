import type { CommandPort, SubjectKeyPort } from '../../kernel/ports.js';

/** What forgetting a session needs of the world. */
export interface SessionPorts {
  readonly keys: SubjectKeyPort;
  readonly commands: CommandPort;
  readonly content: {
    /** Removes every content of the subject; how many there were. */
    deleteOf(subject: { readonly tenantId: string; readonly kind: string; readonly id: string }): Promise<number>;
  };
}
