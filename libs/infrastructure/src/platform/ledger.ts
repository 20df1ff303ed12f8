import { createPrivateKey } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '#infra/config/config.js';
import type { Database } from '#infra/database/database.js';
import type { EventLog, LogId } from '#infra/event-log/event-log.js';
import { FileHeadStore } from '#infra/ledger/head-store.js';
import { PostgresHeadStore } from '#infra/ledger/postgres-head-store.js';
import { LedgerAudit } from '#infra/ledger/ledger-audit.js';
import { LedgerProofs } from '#infra/ledger/proofs.js';
import { Sealer } from '#infra/ledger/sealer.js';
import { FileSigningKey, type SigningKeyStore } from '#infra/ledger/signing-key.js';

export interface Ledger {
  readonly sealer: Sealer;
  readonly proofs: LedgerProofs;
  readonly audit: LedgerAudit;
}

/** The DER of a PKCS #8 Ed25519 private key before its 32 bytes of seed (RFC 8410). */
const PKCS8_ED25519 = Buffer.from('302e020100300506032b657004220420', 'hex');

/** One ledger a log; the origin of its checkpoints is `nexusrag/<log>`, and one key signs both. */
export type Ledgers = Readonly<Record<LogId, Ledger>>;

/** Opens the ledgers over both logs of a process; see `openLedger`. */
export async function openLedgers(
  config: Config,
  databases: Parameters<typeof openLedger>[1],
  logs: Readonly<Record<LogId, EventLog>>,
  onError: (error: unknown) => void,
): Promise<Ledgers> {
  const domain = await openLedger(config, databases, logs.domain, onError);
  return { domain, access: await openLedger(config, databases, logs.access, onError) };
}

/**
 * Opens the ledger over a log. The last signed head is kept outside the log's database: in the key database where
 * there is one, for every process alike; else in a file of `LEDGER_DIR`, where the signing key lies too unless it is set.
 */
export async function openLedger(
  config: Config,
  databases: { readonly database: Database; readonly keysDatabase: Database | undefined },
  events: EventLog,
  onError: (error: unknown) => void,
): Promise<Ledger> {
  const { database, keysDatabase } = databases;
  const folder = config.crypto.LEDGER_DIR ?? join(config.data.DATA_DIR, 'ledger');
  const seed = config.crypto.LEDGER_SIGNING_KEY?.reveal();
  const keys: SigningKeyStore =
    seed === undefined ? new FileSigningKey(join(folder, 'signing-key.pem')) : fromSeed(seed);
  const heads = keysDatabase === undefined ? new FileHeadStore(folder) : await PostgresHeadStore.open(keysDatabase);
  const sealer = await Sealer.open({ database, events, keys, heads, name: `nexusrag/${events.log}`, onError });
  const { store, vkey } = sealer;
  return {
    sealer,
    proofs: new LedgerProofs(events, store, vkey),
    audit: new LedgerAudit({ events, store, heads, vkey }),
  };
}

function fromSeed(text: string): SigningKeyStore {
  const seed = /^[0-9a-f]{64}$/i.test(text) ? Buffer.from(text, 'hex') : Buffer.from(text, 'base64');
  if (seed.length !== 32) throw new RangeError('LEDGER_SIGNING_KEY must hold 32 bytes in hex or base64');
  const key = createPrivateKey({ key: Buffer.concat([PKCS8_ED25519, seed]), format: 'der', type: 'pkcs8' });
  return { load: () => Promise.resolve(key) };
}
