import { specify } from '../../kernel/testing/given.js';
import { ledgerBreaks } from './ledger-breaks.decider.js';

const data = { log: 'domain', timeline: 2, reason: 'restored from a backup', refusal: 'shorter', abandoned: 'note' };
const acknowledge = { type: 'AcknowledgeLedgerBreak', data } as const;
const acknowledged = { type: 'LedgerBreakAcknowledged', data } as const;

describe('a break of the ledger', () => {
  it('is acknowledged once for each timeline', () => {
    specify(ledgerBreaks).given().when(acknowledge).then(acknowledged);
    specify(ledgerBreaks).given(acknowledged).when(acknowledge).thenNothing();
  });
});
