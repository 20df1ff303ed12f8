import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DataDirInUse, findServer, lockDataDir } from '#cli/data-dir.js';

let folder: string;
let server: ChildProcess;

/** A live process as the folder's server, as its lock and run file would name it. */
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'nexusrag-lock-'));
  server = spawn('sleep', ['60']);
  const stat = readFileSync(`/proc/${server.pid ?? 0}/stat`, 'utf8');
  const owner = { pid: server.pid, began: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] };
  const info = { ...owner, url: 'http://127.0.0.1:1', operatorToken: 'token', startedAt: '2026-01-01T00:00:00.000Z' };
  await writeFile(join(folder, 'lock'), JSON.stringify(owner));
  await writeFile(join(folder, 'run.json'), JSON.stringify(info));
});

afterEach(async () => {
  server.kill('SIGKILL');
  await rm(folder, { recursive: true, force: true });
});

const damages: Readonly<Record<string, () => Promise<void>>> = {
  whole: () => Promise.resolve(),
  torn: () => truncate(join(folder, 'lock'), 5),
  empty: () => truncate(join(folder, 'lock'), 0),
  gone: () => rm(join(folder, 'lock')),
};

describe('a data folder whose server lives', () => {
  it.each(Object.keys(damages))('is not taken, and its server is found, when its lock is %s', async (damage) => {
    await damages[damage]?.();
    expect(() => lockDataDir(folder)).toThrow(DataDirInUse);
    expect(findServer(folder)?.pid).toBe(server.pid);
  });

  it('is taken once it has died, whatever its files hold', async () => {
    server.kill('SIGKILL');
    await once(server, 'exit');
    await writeFile(join(folder, 'run.json'), 'null');
    for (const lock of ['{"pid":', '', '{}', 'null', '{"pid":99999999,"began":"1"}']) {
      await writeFile(join(folder, 'lock'), lock);
      lockDataDir(folder).release();
    }
    expect(findServer(folder)).toBeUndefined();
  });
});
