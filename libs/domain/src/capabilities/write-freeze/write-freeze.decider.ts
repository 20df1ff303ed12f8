import { defineDecider } from '../../kernel/decider.js';
import type { WriteFreezeEvent } from './write-freeze.events.js';

export interface SetWriteFreeze {
  readonly type: 'SetWriteFreeze';
  readonly data: { readonly frozen: boolean; readonly reason: string | null };
}

export interface WriteFreezeState {
  readonly frozen: boolean;
}

/** The id of the one stream of its kind, and of its row. */
export const WRITE_FREEZE_STREAM = '3d7a4c0e-1f0b-5d7e-8a52-6b9c2f4e0d31';

/** One gate for all tenants: it is closed once, and opened once. */
export const writeFreeze = defineDecider<SetWriteFreeze, WriteFreezeEvent, WriteFreezeState>({
  category: 'writeFreeze',
  initial: { frozen: false },
  decide: ({ data: { frozen, reason } }, state) => {
    if (frozen === state.frozen) return [];
    return frozen
      ? [{ type: 'WritesFrozen', data: { gate: 'writes', frozen: 'yes', reason } }]
      : [{ type: 'WritesThawed', data: { gate: 'writes', frozen: 'no', reason } }];
  },
  evolve: (_, event) => ({ frozen: event.type === 'WritesFrozen' }),
});
