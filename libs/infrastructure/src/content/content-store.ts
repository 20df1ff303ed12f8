/** What the log holds of a content: enough to find and to prove it, nothing of what it says. */
export interface ContentRef {
  readonly id: string;
  /** Hex SHA-256 of the ciphertext bytes as stored. */
  readonly sha256: string;
  /** Plaintext size in bytes. */
  readonly size: number;
  readonly keyId: string;
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
  delete(tenantId: string, id: string): Promise<void>;
}

/** Seals and opens short texts under a subject's key. A sealed text is `sealed:v1:<key id>:<base64url>`. */
export interface Sealer {
  seal(subject: Subject, text: string, aad: string): Promise<string>;
  /** The clear text; undefined when the key was destroyed; the text itself when it was never sealed. */
  open(tenantId: string, sealed: string, aad: string): Promise<string | undefined>;
}

/** Per-subject data keys, wrapped by the master key, in a store of their own. */
export interface KeyStore {
  /** Destroys the subject's keys for ever and records the destruction; true when there was one. */
  destroy(subject: Subject): Promise<boolean>;
  /** Destroys again every key whose destruction is recorded, e.g. after a restore of the key store; how many it found. */
  replayDestructions(): Promise<number>;
}
