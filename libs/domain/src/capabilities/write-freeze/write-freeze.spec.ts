import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { writeFreeze } from './write-freeze.decider.js';
import type { WriteFreezeEvent } from './write-freeze.events.js';
import { applyWriteFreeze } from './write-freeze.handler.js';
import { writeFreezeRows } from './write-freeze.projection.js';
import { writeFreezeReactions } from './write-freeze.reactions.js';

const set = (frozen: boolean) => ({ type: 'SetWriteFreeze', data: { frozen, reason: 'moving' } }) as const;
const frozen: WriteFreezeEvent = { type: 'WritesFrozen', data: { gate: 'writes', frozen: 'yes', reason: 'moving' } };
const thawed: WriteFreezeEvent = { type: 'WritesThawed', data: { gate: 'writes', frozen: 'no', reason: 'moving' } };

describe('the write gate', () => {
  it('is closed once and opened once', () => {
    specify(writeFreeze).given().when(set(true)).then(frozen);
    specify(writeFreeze).given(frozen).when(set(true)).thenNothing();
    specify(writeFreeze).given(frozen).when(set(false)).then(thawed);
    specify(writeFreeze).given().when(set(false)).thenNothing();
  });

  it('tells who moved it last, and why', () => {
    const row = foldRow(writeFreezeRows, recorded(frozen), undefined);
    expect(row).toMatchObject({ frozen: true, reason: 'moving', changed_by: 'ada' });
    expect(foldRow(writeFreezeRows, recorded(thawed), row)).toMatchObject({ frozen: false });
  });

  it('stands as was decided last, whoever carries it out and however often', async () => {
    expect(writeFreezeReactions.on.WritesFrozen?.(recorded(frozen))).toMatchObject([{ job: 'write-freeze.apply' }]);
    const set: boolean[] = [];
    const ports = (state: boolean) => ({
      commands: { load: () => Promise.resolve({ frozen: state }), run: () => Promise.resolve() },
      writeGate: { setFrozen: (to: boolean) => Promise.resolve(void set.push(to)) },
    });
    await applyWriteFreeze(ports(true) as unknown as Parameters<typeof applyWriteFreeze>[0]);
    await applyWriteFreeze(ports(false) as unknown as Parameters<typeof applyWriteFreeze>[0]);
    expect(set).toEqual([true, false]);
  });
});
