import type { CommandPort } from '../../kernel/ports.js';

/** Where the log can be cut: at a border of sealed tiles, before an instant. */
export interface AccessLogCutPlan {
  readonly leaves: number;
  /** Of the last event that goes. */
  readonly position: string;
  readonly recordedBefore: string;
}

export interface AccessLogPort {
  /** The instant before which events are kept no longer, as configured. */
  keptSince(): string;
  /** Undefined when no whole tile is old enough. */
  cutFor(recordedBefore: string): Promise<AccessLogCutPlan | undefined>;
  /** Removes the events up to a position with their rows, as far as every read model has folded them; how many. */
  remove(upTo: string, signal: AbortSignal): Promise<number>;
}

export interface AccessRetentionPorts {
  readonly commands: CommandPort;
  readonly accessLog: AccessLogPort;
}
