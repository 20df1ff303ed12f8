import type { Companion } from '../event-log/companions.js';

/** What the log holds of a content: enough to find and to prove it, nothing of what it says. */
export interface ContentRef {
  readonly id: string;
  /** Hex SHA-256 of the ciphertext bytes as stored. */
  readonly sha256: string;
  /** Plaintext size in bytes. */
  readonly size: number;
  readonly keyId: string;
}

/** What an event says of a content, without what else is known of it here. */
export function refOf({ id, sha256, size, keyId }: ContentRef): ContentRef {
  return { id, sha256, size, keyId };
}

/** Whose key seals a content: a person, a document, a session. */
export interface Subject {
  readonly tenantId: string;
  readonly kind: string;
  readonly id: string;
}

/** Erasable bytes outside the log, AES-256-GCM under per-subject keys. Reads of another tenant's content find nothing. */
export interface ContentStore {
  /** Stores bytes durably before it returns; written before the event that names them. */
  put(subject: Subject, kind: string, bytes: Uint8Array): Promise<ContentRef>;
  /** The clear bytes; undefined when they, or their key, are gone. */
  get(tenantId: string, id: string): Promise<Uint8Array | undefined>;
  /** Sealed and stored nowhere: for a statement that stores it together with what names it. */
  seal(content: NewContent): Promise<SealedContent>;
  /** To be stored with the event that names it, under a fresh id; one that is large is stored before it returns, as by `putMany`. */
  enclose(content: NewContent): Promise<EnclosedContent>;
  delete(tenantId: string, id: string): Promise<void>;
  /** As `put`, in one statement, in order. An id that is stored already keeps its bytes, so a repeated put is safe. */
  putMany(contents: readonly NewContent[]): Promise<readonly ContentRef[]>;
  /** As `get`, in one statement; what is gone is absent. */
  getMany(tenantId: string, ids: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /**
   * As `put`, of bytes that come in parts, in memory that does not grow with them. What was begun and not ended cannot be
   * read; it is removed at once when the source fails, and swept when the process died.
   */
  putStream(content: StreamedContent): Promise<ContentRef>;
  /** The clear bytes in parts; undefined when they, or their key, are gone. */
  open(tenantId: string, id: string): Promise<StoredContent | undefined>;
  /** Removes every content of the subject; how many there were. */
  deleteOf(subject: Subject): Promise<number>;
  /** Removes contents stored before `olderThan` (and not before `notBefore`) that no event names; how many there were. */
  sweep(olderThan: Date, isNamed: IsNamed, notBefore?: Date): Promise<number>;
}

export interface NewContent {
  readonly subject: Subject;
  readonly kind: string;
  readonly bytes: Uint8Array;
  /** A uuid of the caller's choice; a fresh one when absent. */
  readonly id?: string;
}

export interface SealedContent extends ContentRef {
  readonly subject: Subject;
  readonly kind: string;
  readonly sealed: Buffer;
}

/** A content and what the append of the event that names it must take along: nothing where the content is stored. */
export interface EnclosedContent {
  readonly ref: ContentRef;
  readonly companions: readonly Companion[];
}

export interface StreamedContent extends Omit<NewContent, 'bytes'> {
  readonly bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>;
}

export interface StoredContent {
  /** Bytes in all. */
  readonly size: number;
  readonly parts: AsyncIterable<Uint8Array>;
}

/** Which of the ids an event names. Every id of one call is of one tenant. */
export type IsNamed = (ids: readonly string[], tenantId: string) => Promise<ReadonlySet<string>>;

/** Seals and opens short texts under a subject's key. A sealed text is `sealed:v1:<key id>:<base64url>`. */
export interface Sealer {
  seal(subject: Subject, text: string, aad: string): Promise<string>;
  /** The clear text; undefined when the key was destroyed; the text itself when it was never sealed. */
  open(tenantId: string, sealed: string, aad: string): Promise<string | undefined>;
  sealMany(
    texts: readonly { readonly subject: Subject; readonly text: string; readonly aad: string }[],
  ): Promise<readonly string[]>;
  /** As `open` for each, in order; the keys are fetched together. */
  openMany(
    tenantId: string,
    texts: readonly { readonly sealed: string; readonly aad: string }[],
  ): Promise<readonly (string | undefined)[]>;
}

/** A data key in clear. Its id says nothing about its subject. */
export interface DataKey {
  readonly id: string;
  readonly key: Uint8Array;
}

/** A subject whose keys were destroyed: those listed; when none is, every one made up to that instant (ISO 8601 UTC). */
export interface Destruction {
  readonly subject: Subject;
  readonly keyIds: readonly string[];
  readonly at: string;
}

/** Per-subject data keys, wrapped by the master key, in a store of their own. */
export interface KeyStore {
  /** The key that seals for the subject now, made when there is none. After a destruction that is a new key. */
  keyFor(subject: Subject): Promise<DataKey>;
  keysFor(subjects: readonly Subject[]): Promise<readonly DataKey[]>;
  /** The tenant's keys with these ids; destroyed and foreign ones are absent. */
  open(tenantId: string, keyIds: readonly string[]): Promise<ReadonlyMap<string, Uint8Array>>;
  /** Destroys the subject's keys for ever and records the destruction; true when there was one. */
  destroy(subject: Subject): Promise<boolean>;
  /** Destroys every key of the tenant for ever; how many subjects there were. */
  destroyTenant(tenantId: string): Promise<number>;
  /**
   * Destroys again every key whose destruction is recorded here, or in `more` (from the event log), e.g. after a restore of
   * the key store; how many it found.
   */
  replayDestructions(more?: readonly Destruction[]): Promise<number>;
  /** Every recorded destruction, oldest first. */
  destructions(): Promise<readonly Destruction[]>;
  /** Forgets the cached clear keys with these ids, or all: another process destroyed them. */
  drop(keyIds?: readonly string[]): void;
  close(): Promise<void>;
}
