import type { Platform } from '#infra/platform/platform.js';

import type { AccessLog, Admission, Entitlements } from './http/gates.js';
import type { PolicyState } from './policy-state.js';

/** The gates that capabilities give to the pipeline. */
export interface EdgeGates {
  readonly access?: AccessLog;
  readonly admission?: Admission;
  readonly entitlements?: Entitlements;
  /** Writes down what waits: usage, access events. */
  stop(): Promise<void>;
}

/** Builds the gates of an api process over its platform and its policy in memory. */
export function openGates(_platform: Platform, _policy: PolicyState): EdgeGates {
  return { stop: () => Promise.resolve() };
}
