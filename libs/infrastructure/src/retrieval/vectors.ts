import type { Database } from '#infra/database/database.js';
import { vectorText, type EmbeddingSpace } from './embedding-space.js';

/** Keeps the parameters of one insert at a few megabytes. */
const rowsAtOnce = 250;

/** The vectors of one version in one space. */
export interface VersionVectors {
  readonly space: EmbeddingSpace;
  readonly ordinals: readonly number[];
  readonly vectors: readonly Float32Array[];
}

/** Writes vectors of a version; within the transaction of whoever calls. */
export async function insertVectorRows(
  database: Database,
  scopeNo: number,
  versionNo: string,
  { space, ordinals, vectors }: VersionVectors,
): Promise<void> {
  for (let at = 0; at < ordinals.length; at += rowsAtOnce) {
    await database.execute(
      `insert into ${space.table} (scope_no, version_no, ordinal, embedding)
       select $1, $2, v.ordinal, v.embedding::${space.type}
         from unnest($3::int[], $4::text[]) v(ordinal, embedding)`,
      [
        scopeNo,
        versionNo,
        ordinals.slice(at, at + rowsAtOnce),
        vectors.slice(at, at + rowsAtOnce).map((vector) => vectorText(vector)),
      ],
    );
    await turn();
  }
}

/** Writes a version's vectors and says that it has them; within the transaction of whoever calls. */
export async function insertVectors(
  database: Database,
  scopeNo: number,
  versionNo: string,
  all: VersionVectors,
): Promise<void> {
  await insertVectorRows(database, scopeNo, versionNo, all);
  await database.execute('insert into retrieval.version_space (version_no, space_no) values ($1, $2)', [
    versionNo,
    all.space.spaceNo,
  ]);
}

export function checkVectors(vectors: readonly Float32Array[], count: number, dimension: number): void {
  const sound = (vector: Float32Array): boolean => vector.length === dimension && vector.every(Number.isFinite);
  if (vectors.length === count && vectors.every(sound)) return;
  throw new Error('The embedder gave vectors of another number, dimension, or that are not finite.');
}

/** The embedded engine answers at once: without a turn of the event loop a long text would stop all that needs no database. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
