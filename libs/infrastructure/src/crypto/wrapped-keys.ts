import type { Destruction, Subject } from '#infra/content/content-store.js';
import type { MasterKey } from './master-key.js';
import { contextOf } from './aes.js';

/** A data key as stored: only the master key opens it. */
export interface WrappedKey {
  readonly id: string;
  readonly subject: Subject;
  readonly wrapped: Uint8Array;
  /** ISO 8601 UTC. */
  readonly createdAt: string;
}

/** Where wrapped keys live. Every write is durable before it returns. */
export interface WrappedKeys {
  /** Stores those keys of distinct subjects whose subject has none, and gives each subject's key in force, in order. */
  ensure(keys: readonly WrappedKey[]): Promise<readonly WrappedKey[]>;
  byId(tenantId: string, ids: readonly string[]): Promise<readonly WrappedKey[]>;
  /** Every key of the tenant, or of one subject, without its bytes. */
  list(tenantId: string, subject?: Subject): Promise<readonly Omit<WrappedKey, 'wrapped'>[]>;
  /** Records destructions in a place of their own. */
  record(destructions: readonly Destruction[]): Promise<void>;
  /** Removes the bytes of the keys that the destructions cover; the ids that were there. */
  erase(destructions: readonly Destruction[]): Promise<readonly string[]>;
  recorded(): Promise<readonly Destruction[]>;
  /** Tells other processes that share the store; `onErased` hears of theirs, with no ids when some may have been missed. */
  announce(keyIds: readonly string[]): Promise<void>;
  onErased(listener: (keyIds: readonly string[] | undefined) => void): Promise<void>;
  close(): Promise<void>;
}

/** One text per subject, unambiguous. */
export function subjectKey(subject: Subject): string {
  return JSON.stringify([subject.tenantId, subject.kind, subject.id]);
}

/** True when the destruction covers the key: it is listed, or none is listed and it is the subject's and no younger. */
export function covers(destruction: Destruction, key: Omit<WrappedKey, 'wrapped'>): boolean {
  if (destruction.subject.tenantId !== key.subject.tenantId) return false;
  if (destruction.keyIds.length > 0) return destruction.keyIds.includes(key.id);
  return subjectKey(destruction.subject) === subjectKey(key.subject) && key.createdAt <= destruction.at;
}

const checkText = 'nexusrag.keys.v1';

/** A text that only the same master key opens, to find a wrong one at the start instead of at the first read. */
export function masterKeyCheck(masterKey: MasterKey): string {
  return masterKey.wrap(Buffer.from(checkText), contextOf('check')).toString('base64');
}

/** Throws MasterKeyMismatch when `check` was made by another master key. */
export function verifyMasterKey(masterKey: MasterKey, check: string): void {
  try {
    masterKey.unwrap(Buffer.from(check, 'base64'), contextOf('check'));
  } catch (cause) {
    throw new MasterKeyMismatch({ cause });
  }
}

/** The key store was made under another master key. */
export class MasterKeyMismatch extends Error {
  constructor(options?: ErrorOptions) {
    super('the key store was made under another master key: give the process the one it was made with', options);
    this.name = 'MasterKeyMismatch';
  }
}
