import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WireServer, type WireRequest } from './wire-server.js';

export interface WireDiscoveryEngine {
  readonly wire: WireServer;
  results: Readonly<Record<string, unknown>>[];
  readonly asked: readonly WireRequest[];
}

/** Vertex AI Search on the wire: `search` of any data store. */
export async function openWireDiscoveryEngine(): Promise<WireDiscoveryEngine> {
  const engine: { results: Readonly<Record<string, unknown>>[] } = { results: [] };
  const wire = await WireServer.open({
    'POST /v1/projects/*:search': () => ({ json: { results: engine.results, totalSize: engine.results.length } }),
  });
  return Object.assign(engine, { wire, asked: wire.requests });
}

/** How Google's services say no. */
export function googleRefusal(status: number, name: string, headers: Readonly<Record<string, string>> = {}) {
  return { status, headers, json: { error: { code: status, message: 'told to', status: name } } } as const;
}

export interface GoogleAccount {
  /** Makes the process find another file, or one that is not there. */
  use(file: 'good' | 'missing' | 'damaged'): Promise<void>;
  close(): Promise<void>;
}

/** A service account whose key is in a file that the process finds by GOOGLE_APPLICATION_CREDENTIALS. */
export async function openGoogleAccount(): Promise<GoogleAccount> {
  const { privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2_048,
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const folder = await mkdtemp(join(tmpdir(), 'nexusrag-google-'));
  const before = process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  const use = async (which: 'good' | 'missing' | 'damaged'): Promise<void> => {
    const file = join(folder, `${which}.json`);
    const account = {
      ...{ type: 'service_account', project_id: 'p', private_key_id: 'k', client_id: '1' },
      ...{ client_email: 'tests@p.example', private_key: which === 'good' ? privateKey : 'no key' },
    };
    if (which !== 'missing') await writeFile(file, JSON.stringify(account), { mode: 0o600 });
    process.env['GOOGLE_APPLICATION_CREDENTIALS'] = file;
  };
  await use('good');
  return {
    use,
    close: async () => {
      if (before === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
      else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = before;
      await rm(folder, { recursive: true, force: true });
    },
  };
}
