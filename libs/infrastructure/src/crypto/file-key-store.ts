import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import type { Destruction, Subject } from '#infra/content/content-store.js';
import { AppendFile } from './append-file.js';
import { readIfThere, replaceSecretFile, syncFolder } from '#infra/files/durable-file.js';
import { WrappingKeyStore, type KeyStoreOptions } from './key-store.js';
import type { MasterKey } from './master-key.js';
import { covers, masterKeyCheck, subjectKey, verifyMasterKey } from './wrapped-keys.js';
import type { WrappedKey, WrappedKeys } from './wrapped-keys.js';

interface Entry extends WrappedKey {
  readonly offset: number;
  readonly length: number;
}

interface KeyLine {
  readonly id: string;
  readonly subject: Subject;
  readonly wrapped: string;
  readonly createdAt: string;
}

/**
 * Opens the embedded key store in `folder`: `keys.jsonl` (a header with the format and a check of the master key, then a
 * line a key) and `destructions.jsonl`. One process at a time. Throws MasterKeyMismatch under another master key.
 */
export async function openFileKeyStore(
  folder: string,
  masterKey: MasterKey,
  options: KeyStoreOptions = {},
): Promise<WrappingKeyStore> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  return WrappingKeyStore.over(await FileWrappedKeys.open(folder, masterKey), masterKey, options);
}

class FileWrappedKeys implements WrappedKeys {
  private readonly ids = new Map<string, Entry>();
  private readonly subjects = new Map<string, Entry>();
  private readonly tenants = new Map<string, Set<Entry>>();
  private readonly log: Destruction[] = [];

  private constructor(
    private readonly keyFile: AppendFile,
    private readonly destructionFile: AppendFile,
  ) {}

  static async open(folder: string, masterKey: MasterKey): Promise<FileWrappedKeys> {
    const path = join(folder, 'keys.jsonl');
    const lines = completeLines(await readIfThere(path));
    const [header, ...keyLines] = lines;
    const check = header === undefined ? masterKeyCheck(masterKey) : (JSON.parse(header) as { check: string }).check;
    verifyMasterKey(masterKey, check);
    // Lines that a destruction blanked, and a torn last one, are left out of the new file.
    const living = keyLines.filter((line) => line.trim() !== '');
    const text = [JSON.stringify({ format: 'nexusrag.keys.v1', check }), ...living].map((line) => `${line}\n`).join('');
    await replaceSecretFile(path, Buffer.from(text));
    const destroyed = completeLines(await readIfThere(join(folder, 'destructions.jsonl')));
    const destructionPath = join(folder, 'destructions.jsonl');
    await replaceSecretFile(destructionPath, Buffer.from(destroyed.map((line) => `${line}\n`).join('')));
    const store = new FileWrappedKeys(await AppendFile.open(path), await AppendFile.open(destructionPath));
    await syncFolder(folder);
    store.load(text, destroyed);
    return store;
  }

  async ensure(keys: readonly WrappedKey[]): Promise<readonly WrappedKey[]> {
    const fresh = keys.filter(({ subject }) => !this.subjects.has(subjectKey(subject)));
    if (fresh.length > 0) await this.store(fresh);
    return keys.map((key) => this.subjects.get(subjectKey(key.subject)) ?? key);
  }

  private async store(keys: readonly WrappedKey[]): Promise<void> {
    const lines = keys.map(toLine);
    let offset = await this.keyFile.append(lines.join(''));
    keys.forEach((key, index) => {
      const length = Buffer.byteLength(lines[index] ?? '');
      this.index({ ...key, offset, length });
      offset += length;
    });
  }

  async byId(tenantId: string, ids: readonly string[]): Promise<readonly WrappedKey[]> {
    return ids
      .map((id) => this.ids.get(id))
      .filter((entry) => entry !== undefined)
      .filter((entry) => entry.subject.tenantId === tenantId);
  }

  async list(tenantId: string, subject?: Subject): Promise<readonly WrappedKey[]> {
    if (subject === undefined) return [...(this.tenants.get(tenantId) ?? [])];
    const entry = this.subjects.get(subjectKey(subject));
    return entry === undefined ? [] : [entry];
  }

  async record(destructions: readonly Destruction[]): Promise<void> {
    // The event log tells of the same destructions at every start.
    const known = new Set(this.log.map((entry) => JSON.stringify(entry)));
    const fresh = destructions.filter((entry) => !known.has(JSON.stringify(entry)));
    await this.destructionFile.append(fresh.map((entry) => `${JSON.stringify(entry)}\n`).join(''));
    this.log.push(...fresh);
  }

  async erase(destructions: readonly Destruction[]): Promise<readonly string[]> {
    const doomed = new Set<Entry>();
    for (const destruction of destructions) {
      const bySubject = this.subjects.get(subjectKey(destruction.subject));
      const byIds = destruction.keyIds.map((id) => this.ids.get(id));
      for (const entry of [bySubject, ...byIds]) {
        if (entry !== undefined && covers(destruction, entry)) doomed.add(entry);
      }
    }
    if (doomed.size === 0) return [];
    // Overwritten in place: a rewritten copy would leave the old file's blocks on the disk.
    await this.keyFile.blank([...doomed]);
    for (const entry of doomed) this.forget(entry);
    return [...doomed].map((entry) => entry.id);
  }

  async recorded(): Promise<readonly Destruction[]> {
    return this.log;
  }

  async announce(): Promise<void> {
    // No other process shares the file.
  }

  async onErased(): Promise<void> {
    // No other process shares the file.
  }

  async close(): Promise<void> {
    await this.keyFile.close();
    await this.destructionFile.close();
  }

  private load(text: string, destroyed: readonly string[]): void {
    let offset = 0;
    for (const [index, line] of completeLines(Buffer.from(text)).entries()) {
      const length = Buffer.byteLength(line) + 1;
      if (index > 0) {
        const { wrapped, ...key } = JSON.parse(line) as KeyLine;
        this.index({ ...key, wrapped: Buffer.from(wrapped, 'base64'), offset, length });
      }
      offset += length;
    }
    for (const line of destroyed) this.log.push(JSON.parse(line) as Destruction);
  }

  private index(entry: Entry): void {
    this.ids.set(entry.id, entry);
    this.subjects.set(subjectKey(entry.subject), entry);
    const { tenantId } = entry.subject;
    const ofTenant = this.tenants.get(tenantId) ?? new Set();
    this.tenants.set(tenantId, ofTenant.add(entry));
  }

  private forget(entry: Entry): void {
    this.ids.delete(entry.id);
    this.subjects.delete(subjectKey(entry.subject));
    this.tenants.get(entry.subject.tenantId)?.delete(entry);
  }
}

function toLine(key: WrappedKey): string {
  const line: KeyLine = { ...key, wrapped: Buffer.from(key.wrapped).toString('base64') };
  return `${JSON.stringify(line)}\n`;
}

function completeLines(bytes: Buffer | undefined): string[] {
  return (bytes?.toString('utf8') ?? '').split('\n').slice(0, -1);
}
