import { execFile, spawnSync } from 'node:child_process';
import { promisify } from 'node:util';

const IMAGE = 'eventstore/eventstore:24.10';
const OPTIONS = ['--insecure', '--mem-db', '--run-projections', 'None', '--max-append-size', '8388608'];
const run = promisify(execFile);
const docker = (args: readonly string[]): Promise<{ stdout: string }> => run('docker', [...args]);

/** A real EventStoreDB for specs. */
export interface EventStoreServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** Where specs find a real server: one that is given and shared, one in a container each time, or none, and why. */
export type EventStoreSource =
  | { readonly kind: 'given'; readonly url: string }
  | { readonly kind: 'container' }
  | { readonly kind: 'none'; readonly why: string };

export function eventStoreSource(): EventStoreSource {
  const url = process.env['TEST_EVENTSTORE_URL'] ?? '';
  if (url !== '') return { kind: 'given', url };
  const engine = spawnSync('docker', ['version', '--format', '{{.Server.Version}}'], { timeout: 5_000 });
  if (engine.status !== 0) return { kind: 'none', why: 'no Docker engine and no EVENTSTORE_URL' };
  const pulled = spawnSync('docker', ['pull', '--quiet', IMAGE], { timeout: 300_000 });
  return pulled.status === 0 ? { kind: 'container' } : { kind: 'none', why: `Docker cannot get ${IMAGE}` };
}

/** A fresh server in a container of its own. */
export async function startEventStore(): Promise<EventStoreServer> {
  const started = await docker(['run', '--detach', '--rm', '--publish', '127.0.0.1::2113', IMAGE, ...OPTIONS]);
  const id = started.stdout.trim();
  const { stdout } = await docker(['port', id, '2113/tcp']);
  return {
    url: `esdb://${stdout.trim()}?tls=false`,
    stop: async () => {
      await docker(['rm', '--force', id]);
    },
  };
}
