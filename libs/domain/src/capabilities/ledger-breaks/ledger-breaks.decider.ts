import { defineDecider } from '../../kernel/decider.js';
import type { LedgerBreakEvent } from './ledger-breaks.events.js';

export interface AcknowledgeLedgerBreak {
  readonly type: 'AcknowledgeLedgerBreak';
  readonly data: Extract<LedgerBreakEvent, { type: 'LedgerBreakAcknowledged' }>['data'];
}

/** The newest timeline that an operator has accepted; 1 before the first break. */
export interface LedgerBreakState {
  readonly timeline: number;
}

/** One stream a log: that history broke, and that somebody took it upon them, is history too. */
export const ledgerBreaks = defineDecider<AcknowledgeLedgerBreak, LedgerBreakEvent, LedgerBreakState>({
  category: 'ledgerBreaks',
  initial: { timeline: 1 },
  decide: (command, state) =>
    command.data.timeline <= state.timeline ? [] : [{ type: 'LedgerBreakAcknowledged', data: command.data }],
  evolve: (state, event) => ({ timeline: Math.max(state.timeline, event.data.timeline) }),
});
