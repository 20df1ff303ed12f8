import fc from 'fast-check';
import { fold } from '../../kernel/decider.js';
import { isRefusal } from '../../kernel/errors.js';
import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import {
  activeKey,
  keyIdOf,
  keyring,
  keyringErrors,
  purposeOfKey,
  type KeyringCommand,
  type RotatePlatformKey,
} from './keyring.decider.js';
import { keyPurposes, type KeyringEvent } from './keyring.events.js';
import { platformKeyRows } from './keyring.projection.js';

const at = '2026-01-02T03:04:05.678Z';
const uuid = (n: number): string => `01900000-0000-7000-8000-${String(n).padStart(12, '0')}`;
const id = (n: number): string => keyIdOf('signing', uuid(n));
const secret = (n: number) => ({ id: uuid(n), sha256: 'a'.repeat(64), size: 64, keyId: uuid(n) });
const rotate = (n: number): RotatePlatformKey => ({
  type: 'RotatePlatformKey',
  data: { keyId: id(n), purpose: 'signing', secret: secret(n) },
});
const rotated = (n: number, old: number | null): KeyringEvent => ({
  type: 'PlatformKeyRotated',
  data: {
    ...rotate(n).data,
    replacedKeyId: old === null ? null : id(old),
    createdAt: at,
  },
});
const replaced = (n: number, by: number): KeyringEvent => ({
  type: 'PlatformKeyReplaced',
  data: { keyId: id(n), purpose: 'signing', byKeyId: id(by), replacedAt: at },
});
const retire = (n: number): KeyringCommand => ({ type: 'RetirePlatformKey', data: { keyId: id(n) } });
const retired = (n: number): KeyringEvent => ({
  type: 'PlatformKeyRetired',
  data: { keyId: id(n), purpose: 'signing', retiredAt: at },
});

describe('a key of the keyring', () => {
  it('is in force from its rotation, and the one before it is retiring', () => {
    specify(keyring).given().when(rotate(1)).then(rotated(1, null));
    specify(keyring).given(rotated(1, null)).when(rotate(2)).then(rotated(2, 1), replaced(1, 2));
  });

  it('is retired once', () => {
    specify(keyring).given(rotated(1, null)).when(retire(1)).then(retired(1));
    specify(keyring).given(rotated(1, null), retired(1)).when(retire(1)).thenNothing();
  });

  it('is replaced by nothing when it was retired before', () => {
    specify(keyring).given(rotated(1, null), retired(1)).when(rotate(2)).then(rotated(2, null));
  });

  it('is not retired when nobody made it', () => {
    specify(keyring).given(rotated(1, null)).when(retire(9)).refuses(keyringErrors.notFound);
  });

  it('tells its purpose by its id', () => {
    for (const purpose of keyPurposes) expect(purposeOfKey(keyIdOf(purpose, uuid(7)))).toBe(purpose);
    for (const wrong of [
      '',
      'sig_',
      'sig_xyz',
      `api_${'0'.repeat(32)}`,
      `sig_${'0'.repeat(33)}`,
      `SIG_${'0'.repeat(32)}`,
    ])
      expect([wrong, purposeOfKey(wrong)]).toEqual([wrong, undefined]);
  });

  it('shares its purpose with no other active key, whatever is rotated and retired', () => {
    const step = fc.record({ rotates: fc.boolean(), n: fc.integer({ min: 1, max: 6 }) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 30 }), (steps) => {
        let events: readonly KeyringEvent[] = [];
        steps.forEach(({ rotates, n }, index) => {
          const command = rotates ? rotate(100 + index) : retire(100 + n);
          const decision = keyring.decide(command, fold(keyring, events), {
            tenantId: 't1',
            actor: { type: 'system', id: null, role: null },
            now: at,
            commandId: uuid(index),
            newId: uuid(index),
            requestId: null,
          });
          if (!isRefusal(decision)) events = [...events, ...decision];
          const state = fold(keyring, events);
          expect(state.filter(({ status }) => status === 'active').length).toBeLessThanOrEqual(1);
          if (rotates) expect(activeKey(state)?.keyId).toBe(id(100 + index));
        });
      }),
    );
  });
});

describe('the row of a key', () => {
  it('follows it from active to retired', () => {
    const first = foldRow(platformKeyRows, recorded(rotated(1, null)), undefined);
    expect(first).toMatchObject({ id: id(1), purpose: 'signing', status: 'active', retired_at: null });
    const second = foldRow(platformKeyRows, recorded(replaced(1, 2)), first);
    expect(second).toMatchObject({ status: 'retiring', retired_at: at });
    expect(foldRow(platformKeyRows, recorded(retired(1)), second)).toMatchObject({ status: 'retired', retired_at: at });
  });
});
