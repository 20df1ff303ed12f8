/** One-dimensional arrays in the form that a server takes without reading digits; parameters of a declared array type. */

const OID = { bytea: 17, int8: 20, int4: 23, float4: 700 } as const;
const HEAD = 20;

export function int4Array(values: readonly number[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD + values.length * 8);
  let at = writeHead(bytes, OID.int4, values.length);
  for (const value of values) at = bytes.writeInt32BE(value, bytes.writeInt32BE(4, at));
  return bytes;
}

/** Bytes of one `int8` in an array. */
export const INT8_ELEMENT = 12;

/** The elements of an `int8` array without its head: what `int8ArrayOf` joins. */
export function int8Elements(values: readonly bigint[]): Uint8Array {
  const bytes = new Uint8Array(values.length * INT8_ELEMENT);
  const view = new DataView(bytes.buffer);
  let at = 0;
  for (const value of values) {
    view.setInt32(at, 8);
    view.setBigInt64(at + 4, value);
    at += INT8_ELEMENT;
  }
  return bytes;
}

/** An array of all the elements of some parts. */
export function int8ArrayOf(parts: readonly Uint8Array[]): Buffer {
  const size = parts.reduce((sum, part) => sum + part.length, 0);
  const head = Buffer.allocUnsafe(HEAD);
  writeHead(head, OID.int8, size / INT8_ELEMENT);
  return Buffer.concat([head, ...parts], HEAD + size);
}

/** The numbers of all vectors, one after the other. */
export function float4Array(vectors: readonly Float32Array[]): Buffer {
  const count = vectors.reduce((sum, vector) => sum + vector.length, 0);
  const bytes = Buffer.allocUnsafe(HEAD + count * 8);
  let at = writeHead(bytes, OID.float4, count);
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  for (const vector of vectors) {
    for (const value of vector) {
      view.setInt32(at, 4);
      view.setFloat32(at + 4, value);
      at += 8;
    }
  }
  return bytes;
}

export function byteaArray(values: readonly Uint8Array[]): Buffer {
  const bytes = Buffer.allocUnsafe(HEAD + values.reduce((sum, value) => sum + 4 + value.length, 0));
  let at = writeHead(bytes, OID.bytea, values.length);
  for (const value of values) {
    at = bytes.writeInt32BE(value.length, at);
    bytes.set(value, at);
    at += value.length;
  }
  return bytes;
}

/** Dimensions, no nulls, the type of the elements, how many, and the number of the first. */
function writeHead(bytes: Buffer, oid: number, count: number): number {
  let at = 0;
  for (const word of [1, 0, oid, count, 1]) at = bytes.writeInt32BE(word, at);
  return at;
}
