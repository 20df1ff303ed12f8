import type { CommandPort } from '../../kernel/ports.js';

/** The log's own gate, which refuses appends in every process. */
export interface WriteGatePort {
  /** Does nothing when it stands so already. */
  setFrozen(frozen: boolean): Promise<void>;
}

export interface WriteFreezePorts {
  readonly commands: CommandPort;
  readonly writeGate: WriteGatePort;
}
