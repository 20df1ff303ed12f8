import { randomBytes } from 'node:crypto';
import { linkSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a running server tells the other commands, in a file that only its user may read. */
export interface RunInfo {
  readonly pid: number;
  /** As in the lock, which may be damaged while the server lives. */
  readonly began: string;
  readonly url: string;
  readonly operatorToken: string;
  readonly startedAt: string;
}

interface Owner {
  readonly pid: number;
  /** When the process began, in the kernel's ticks, so that a pid that was given again is not mistaken; empty where unknown. */
  readonly began: string;
}

/** Another process has the folder. */
export class DataDirInUse extends Error {
  constructor(
    readonly folder: string,
    readonly pid: number,
  ) {
    super(`process ${pid} is running on ${folder}; stop it first, or choose another DATA_DIR`);
    this.name = 'DataDirInUse';
  }
}

function beganOf(pid: number): string {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name may hold spaces and brackets; the fields after its last bracket are plain. The start time is field 22.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? '';
  } catch {
    return '';
  }
}

function isAlive(owner: Owner): boolean {
  try {
    process.kill(owner.pid, 0);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
  return owner.began === '' || owner.began === beganOf(owner.pid);
}

function readJson<T>(path: string): T | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as T;
  } catch {
    return undefined;
  }
}

/** The process that a lock or a run file names; undefined for a file that is gone, torn or of an older version. */
function readOwner(path: string): Owner | undefined {
  const { pid, began } = readJson<Partial<Owner> | null>(path) ?? {};
  return Number.isSafeInteger(pid) && pid !== undefined && typeof began === 'string' ? { pid, began } : undefined;
}

function writePrivate(path: string, value: object): void {
  const temporary = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`;
  writeFileSync(temporary, JSON.stringify(value), { mode: 0o600 });
  renameSync(temporary, path);
}

/** The exclusive right to a data folder, from `lockDataDir` until `release` or the end of the process. */
export interface DataDirLock {
  publish(info: Pick<RunInfo, 'url' | 'operatorToken'>): void;
  release(): void;
}

/** Takes the folder, also from a process that died. Throws DataDirInUse while its owner lives. */
export function lockDataDir(folder: string): DataDirLock {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const lock = join(folder, 'lock');
  const runFile = join(folder, 'run.json');
  const mine = join(folder, `lock.${process.pid}`);
  const owner: Owner = { pid: process.pid, began: beganOf(process.pid) };
  writeFileSync(mine, JSON.stringify(owner), { mode: 0o600 });
  try {
    const running = readOwner(runFile);
    if (running !== undefined && running.pid !== process.pid && isAlive(running)) {
      throw new DataDirInUse(folder, running.pid);
    }
    takeLock(folder, lock, mine);
  } finally {
    rmSync(mine, { force: true });
  }
  return {
    publish: (info) => {
      const startedAt = new Date().toISOString();
      writePrivate(runFile, { ...info, ...owner, startedAt } satisfies RunInfo);
    },
    release: () => {
      rmSync(runFile, { force: true });
      rmSync(lock, { force: true });
    },
  };
}

function takeLock(folder: string, lock: string, mine: string): void {
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      linkSync(mine, lock);
      return;
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    }
    const owner = readOwner(lock);
    if (owner !== undefined && isAlive(owner)) throw new DataDirInUse(folder, owner.pid);
    removeStale(lock, owner);
  }
  throw new DataDirInUse(folder, readOwner(lock)?.pid ?? 0);
}

/** Moves a dead owner's lock away; a lock that someone took meanwhile is put back. */
function removeStale(lock: string, owner: Owner | undefined): void {
  const aside = `${lock}.stale.${process.pid}`;
  try {
    renameSync(lock, aside);
    if (readOwner(aside)?.pid !== owner?.pid) linkSync(aside, lock);
  } catch {
    // Another starter was quicker; the next attempt sees its lock.
  } finally {
    rmSync(aside, { force: true });
  }
}

/** The server that lives on this folder, or undefined. */
export function findServer(folder: string): RunInfo | undefined {
  const info = readJson<RunInfo | null>(join(folder, 'run.json')) ?? undefined;
  const owner = readOwner(join(folder, 'lock')) ?? readOwner(join(folder, 'run.json'));
  if (info === undefined || owner === undefined || owner.pid !== info.pid) return undefined;
  return isAlive(owner) ? info : undefined;
}
