import { createHash, randomBytes } from 'node:crypto';
import {
  activeKey,
  keyring,
  keyringErrors,
  type KeyringState,
  type PlatformKey,
  type SealedSecret,
} from '#domain/capabilities/keyring/keyring.decider.js';
import type { KeyPurpose } from '#domain/capabilities/keyring/keyring.events.js';
import type { KeyringPort, KeyringSecret } from '#domain/capabilities/keyring/keyring.ports.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { idFor } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import { contextOf, SealBroken } from '#infra/crypto/aes.js';
import { MasterKey } from '#infra/crypto/master-key.js';

export interface KeyringSettings {
  readonly enabled: boolean;
  /** KEYRING_MASTER_KEY; any text. */
  readonly masterKey: string | undefined;
  /** Whether another master key must not do in its place. */
  readonly required: boolean;
  /** The master key of the installation. */
  readonly fallback: MasterKey;
}

export interface KeyringParts {
  readonly path: Pick<CommandPath, 'load'>;
  readonly content: Pick<ContentStore, 'putMany' | 'get'>;
  readonly settings: KeyringSettings;
}

const KIND = 'platform-key';
/** 64 characters of base64url. */
const SECRET_BYTES = 48;

/** The id of the stream that decides on the keys of one owner and purpose. */
export function keyringStream(owner: string, purpose: KeyPurpose): string {
  return idFor('platform-keys', owner, purpose);
}

/**
 * Secrets of the keyring: sealed by the keyring's own master key, and again by the content store under a key of their owner.
 * Throws KEYRING_DISABLED or KEYRING_NOT_CONFIGURED where there is no key to seal them with.
 */
export class Keyring implements KeyringPort {
  constructor(private readonly parts: KeyringParts) {}

  async active(owner: string, purpose: KeyPurpose): Promise<KeyringSecret | undefined> {
    const key = activeKey(await this.keysOf(owner, purpose));
    return key === undefined ? undefined : this.opened(owner, key);
  }

  async verifying(owner: string, purpose: KeyPurpose): Promise<readonly KeyringSecret[]> {
    const keys = await this.keysOf(owner, purpose);
    const order = ['active', 'retiring'];
    const usable = keys.toReversed().filter(({ status }) => order.includes(status));
    usable.sort((left, right) => order.indexOf(left.status) - order.indexOf(right.status));
    return Promise.all(usable.map((key) => this.opened(owner, key)));
  }

  /** Makes a secret and stores it sealed; a second call with the same id leaves the first one's. `id` is a fresh uuid. */
  async store(owner: string, keyId: string, id: string): Promise<SealedSecret> {
    const secret = randomBytes(SECRET_BYTES).toString('base64url');
    const bytes = this.master().wrap(Buffer.from(secret), sealContext(owner, keyId));
    const subject = { tenantId: owner, kind: KIND, id: keyId };
    const [stored] = await this.parts.content.putMany([{ subject, kind: KIND, bytes, id }]);
    if (stored === undefined) throw new CatalogueError(keyringErrors.notConfigured);
    return stored;
  }

  /** The secret of a stored key. */
  async reveal(owner: string, keyId: string, contentId: string): Promise<string> {
    const master = this.master();
    const sealed = await this.parts.content.get(owner, contentId);
    if (sealed === undefined) throw new CatalogueError(keyringErrors.notFound);
    try {
      return master.unwrap(sealed, sealContext(owner, keyId)).toString('utf8');
    } catch (cause) {
      if (cause instanceof SealBroken) throw new CatalogueError(keyringErrors.notConfigured, undefined, { cause });
      throw cause;
    }
  }

  keysOf(owner: string, purpose: KeyPurpose): Promise<KeyringState> {
    return this.parts.path.load(keyring, owner, keyringStream(owner, purpose));
  }

  private async opened(owner: string, key: PlatformKey): Promise<KeyringSecret> {
    return { keyId: key.keyId, secret: await this.reveal(owner, key.keyId, key.secret.id) };
  }

  private master(): MasterKey {
    const { enabled, masterKey, required, fallback } = this.parts.settings;
    if (!enabled) throw new CatalogueError(keyringErrors.disabled);
    if (masterKey !== undefined) return new MasterKey(createHash('sha256').update(masterKey).digest());
    if (required) throw new CatalogueError(keyringErrors.notConfigured);
    return new MasterKey(fallback.derive('nexusrag.keyring.v1'));
  }
}

function sealContext(owner: string, keyId: string): Buffer {
  return contextOf(KIND, owner, keyId);
}
