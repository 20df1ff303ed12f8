import { defineDecider, type Decision, type Facts } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import type { KeyPurpose, KeyringEvent } from './keyring.events.js';

export const keyringErrors = defineErrors('keyring', {
  notFound: ['not_found', 'NOT_FOUND', 'No such key'],
  notConfigured: ['internal', 'KEYRING_NOT_CONFIGURED', 'KEYRING_MASTER_KEY is required, and missing or another one'],
  disabled: ['unavailable', 'KEYRING_DISABLED', 'The keyring is switched off'],
});

/** Where the sealed secret of a key lies. */
export interface SealedSecret {
  readonly id: string;
  readonly sha256: string;
  readonly size: number;
  readonly keyId: string;
}

export interface RotatePlatformKey {
  readonly type: 'RotatePlatformKey';
  readonly data: { readonly keyId: string; readonly purpose: KeyPurpose; readonly secret: SealedSecret };
}

export interface RetirePlatformKey {
  readonly type: 'RetirePlatformKey';
  readonly data: { readonly keyId: string };
}

export type KeyringCommand = RotatePlatformKey | RetirePlatformKey;

export const keyStatuses = ['active', 'retiring', 'retired', 'revoked'] as const;
export type KeyStatus = (typeof keyStatuses)[number];

export interface PlatformKey {
  readonly keyId: string;
  readonly purpose: KeyPurpose;
  readonly status: KeyStatus;
  readonly createdAt: string;
  readonly retiredAt: string | null;
  readonly secret: SealedSecret;
}

/** The keys of one owner and one purpose, oldest first: the stream on which rotations are decided one after the other. */
export type KeyringState = readonly PlatformKey[];

const prefixOf: Readonly<Record<KeyPurpose, string>> = {
  signing: 'sig_',
  encryption: 'enc_',
  backup_signing: 'bksig_',
  backup_encryption: 'bkenc_',
  webhook_signing: 'whsig_',
};

/** `sig_` and 32 hex digits, for a key made under the uuid `id`. */
export function keyIdOf(purpose: KeyPurpose, id: string): string {
  return `${prefixOf[purpose]}${id.replaceAll('-', '')}`;
}

/** The purpose that a key id tells; undefined for what is no key id. */
export function purposeOfKey(keyId: string): KeyPurpose | undefined {
  const [prefix] = /^[a-z]+_(?=[0-9a-f]{32}$)/.exec(keyId) ?? [];
  const found = Object.entries(prefixOf).find(([, known]) => known === prefix);
  return found?.[0] as KeyPurpose | undefined;
}

export function activeKey(state: KeyringState): PlatformKey | undefined {
  return state.find(({ status }) => status === 'active');
}

export const keyring = defineDecider<KeyringCommand, KeyringEvent, KeyringState>({
  category: 'platformKeys',
  initial: [],
  decide: (command, state, facts) => {
    switch (command.type) {
      case 'RotatePlatformKey':
        return rotate(command, state, facts);
      case 'RetirePlatformKey':
        return retire(command, state, facts);
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'PlatformKeyRotated': {
        const { keyId, purpose, createdAt, secret } = event.data;
        return [...state, { keyId, purpose, status: 'active', createdAt, retiredAt: null, secret }];
      }
      case 'PlatformKeyReplaced':
        return changed(state, event.data.keyId, { status: 'retiring', retiredAt: event.data.replacedAt });
      case 'PlatformKeyRetired':
        return changed(state, event.data.keyId, { status: 'retired', retiredAt: event.data.retiredAt });
    }
  },
});

function changed(state: KeyringState, keyId: string, change: Partial<PlatformKey>): KeyringState {
  return state.map((key) => (key.keyId === keyId ? { ...key, ...change } : key));
}

function rotate({ data }: RotatePlatformKey, state: KeyringState, { now }: Facts): Decision<KeyringEvent> {
  const { keyId, purpose } = data;
  const old = activeKey(state)?.keyId ?? null;
  return [
    { type: 'PlatformKeyRotated', data: { ...data, replacedKeyId: old, createdAt: now } },
    ...(old === null
      ? []
      : [{ type: 'PlatformKeyReplaced', data: { keyId: old, purpose, byKeyId: keyId, replacedAt: now } } as const]),
  ];
}

function retire({ data }: RetirePlatformKey, state: KeyringState, { now }: Facts): Decision<KeyringEvent> {
  const key = state.find(({ keyId }) => keyId === data.keyId);
  if (key === undefined) return refuse(keyringErrors.notFound);
  if (key.status === 'retired') return [];
  return [{ type: 'PlatformKeyRetired', data: { keyId: key.keyId, purpose: key.purpose, retiredAt: now } }];
}
