import type { KeyPurpose } from './keyring.events.js';

/** A key of the keyring in clear: never stored, logged or answered again. */
export interface KeyringSecret {
  readonly keyId: string;
  /** 64 characters. */
  readonly secret: string;
}

/** How other code signs, seals and verifies with an owner's keys. The platform's own are those of the tenant `_system`. */
export interface KeyringPort {
  /** The key in force; undefined before the first rotation, and after the active key was retired. */
  active(owner: string, purpose: KeyPurpose): Promise<KeyringSecret | undefined>;
  /** What still verifies: the key in force first, then those that are retiring, newest first. */
  verifying(owner: string, purpose: KeyPurpose): Promise<readonly KeyringSecret[]>;
}
