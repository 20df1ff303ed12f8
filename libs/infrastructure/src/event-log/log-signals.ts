import type { LogSignal } from './eventstoredb-follow.js';

/** Counts what the subscriptions of this process to the event log went through. */
export class LogSignals {
  /** Subscriptions that are connected now. */
  connected = 0;
  resubscribed = 0;
  readonly dropped = new Map<string, number>();

  note(signal: LogSignal): void {
    if (signal.kind === 'connected') this.connected += 1;
    else if (signal.kind === 'resubscribed') this.resubscribed += 1;
    else {
      if (signal.wasConnected) this.connected -= 1;
      this.dropped.set(signal.reason, (this.dropped.get(signal.reason) ?? 0) + 1);
    }
  }
}
