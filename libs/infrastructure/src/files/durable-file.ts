import { randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, unlink, type FileHandle } from 'node:fs/promises';
import { dirname } from 'node:path';

/** The bytes of a small file; undefined when there is none. */
export async function readIfThere(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/** Makes a created, renamed or removed name in the folder survive a crash. */
export async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

async function writeBeside(path: string, bytes: Uint8Array): Promise<string> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const beside = `${path}.${randomUUID()}.new`;
  const handle = await open(beside, 'wx', 0o600);
  try {
    await handle.writeFile(bytes);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return beside;
}

/** Replaces the file as a whole, mode 600; makes its folder. After a crash it holds the old bytes or the new ones. */
export async function replaceFile(path: string, bytes: Uint8Array): Promise<void> {
  await rename(await writeBeside(path, bytes), path);
  await syncFolder(dirname(path));
}

/** As `replaceFile`, and overwrites the old bytes, because a secret in unlinked blocks could no longer be erased. */
export async function replaceSecretFile(path: string, bytes: Uint8Array): Promise<void> {
  const beside = await writeBeside(path, bytes);
  const old = await open(path, 'r+').catch(() => undefined);
  try {
    await rename(beside, path);
    await syncFolder(dirname(path));
    if (old !== undefined) await scrub(old);
  } finally {
    await old?.close();
  }
}

async function scrub(handle: FileHandle): Promise<void> {
  const { size } = await handle.stat();
  const zeros = Buffer.alloc(64 * 1024);
  for (let at = 0; at < size; at += zeros.length) await handle.write(zeros, 0, Math.min(zeros.length, size - at), at);
  await handle.datasync();
}

/** Creates the file as a whole, mode 600, with its folder; false when it was there already. */
export async function createFile(path: string, bytes: Uint8Array): Promise<boolean> {
  const beside = await writeBeside(path, bytes);
  try {
    await link(beside, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(beside);
    await syncFolder(dirname(path));
  }
}
