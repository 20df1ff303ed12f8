import { execFile } from 'node:child_process';
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import pg from 'pg';
import { Database } from '#infra/database/database.js';
import { migrations } from '#migrations/migrations.js';

export type TestEngine = 'pglite' | 'postgres';

export interface TestDatabase {
  readonly database: Database;
  /** The server's URL of this database; undefined on PGlite. */
  readonly url: string | undefined;
  drop(): Promise<void>;
}

/** The engine of this run: TEST_ENGINE, PGlite when it is not set. */
export const testEngine: TestEngine = process.env['TEST_ENGINE'] === 'postgres' ? 'postgres' : 'pglite';

export const serverUrl = process.env['TEST_DATABASE_URL'] ?? 'postgres://postgres@127.0.0.1:5432/postgres';

let embeddedTemplate: Promise<Blob | undefined> | undefined;

/** A fresh migrated database on this run's engine. Close it with `drop`. */
export async function openTestDatabase(): Promise<TestDatabase> {
  return testEngine === 'postgres' ? openOnServer() : openEmbedded();
}

async function openEmbedded(): Promise<TestDatabase> {
  embeddedTemplate ??= makeEmbeddedTemplate();
  const from = await embeddedTemplate;
  const database = await Database.open(from === undefined ? { memory: true } : { memory: true, from });
  return { database, url: undefined, drop: () => database.close() };
}

function migrationsHash(): string {
  const hash = createHash('sha256');
  for (const migration of migrations) hash.update(migration.toString());
  return hash.digest('hex').slice(0, 12);
}

/** Fills a folder with a migrated embedded database, so that a server on it starts without making one. */
export async function fillEmbeddedFolder(folder: string): Promise<void> {
  embeddedTemplate ??= makeEmbeddedTemplate();
  if ((await embeddedTemplate) === undefined) return;
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await promisify(execFile)('tar', ['-xf', templatePath(), '-C', folder]);
}

const templatePath = (): string => join(tmpdir(), `nexusrag-template-${migrationsHash()}.tar`);

/** A dump of a migrated folder, made once per content of the migrations and kept among the temporary files. */
async function makeEmbeddedTemplate(): Promise<Blob | undefined> {
  const path = templatePath();
  const known = await readFile(path).catch(() => undefined);
  if (known !== undefined) return new Blob([known]);
  const database = await Database.open({ memory: true });
  await database.migrate();
  const dump = await database.dump();
  await database.close();
  if (dump === undefined) return undefined;
  const draft = `${path}.${randomUUID()}`;
  await writeFile(draft, Buffer.from(await dump.arrayBuffer()));
  await rename(draft, path);
  return dump;
}

function urlOf(name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}

async function onServer<T>(work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: serverUrl });
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** One migrated template for each content of the migrations, so that a fresh database costs a file copy. */
async function templateName(): Promise<string> {
  const name = `nexusrag_template_${migrationsHash()}`;
  await onServer(async (client) => {
    await client.query(`select pg_advisory_lock(hashtext($1))`, [name]);
    const { rowCount } = await client.query('select 1 from pg_database where datname = $1', [name]);
    if (rowCount !== 0) return;
    const building = `${name}_building`;
    await client.query(`drop database if exists ${building}`);
    await client.query(`create database ${building}`);
    const database = await Database.open({ url: urlOf(building) });
    await database.migrate();
    await database.close();
    await client.query(`alter database ${building} rename to ${name}`);
  });
  return name;
}

async function openOnServer(): Promise<TestDatabase> {
  const template = await templateName();
  const name = `nexusrag_test_${randomUUID().replaceAll('-', '')}`;
  await onServer(async (client) => {
    await client.query(`select pg_advisory_lock(hashtext('nexusrag_test_copy'))`);
    await client.query(`create database ${name} template ${template}`);
  });
  const url = urlOf(name);
  const database = await Database.open({ url });
  return {
    database,
    url,
    drop: async () => {
      await database.close();
      await onServer((client) => client.query(`drop database if exists ${name} with (force)`));
    },
  };
}
