import { byteaArray, float4Array, int4Array, int8ArrayOf, int8Elements } from '#infra/database/binary-arrays.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

describe('binary arrays', () => {
  let open: TestDatabase;
  beforeAll(async () => {
    open = await openTestDatabase();
  });
  afterAll(() => open.drop());

  it.each([
    ['int4[]', int4Array([0, -1, 2_147_483_647]), '{0,-1,2147483647}'],
    ['int8[]', int8ArrayOf([int8Elements([0n, -1n]), int8Elements([2n ** 63n - 1n])]), '{0,-1,9223372036854775807}'],
    ['float4[]', float4Array([Float32Array.of(0.5, -2), Float32Array.of(0.1)]), '{0.5,-2,0.1}'],
    ['bytea[]', byteaArray([Buffer.from([0, 255]), new Uint8Array()]), String.raw`{"\\x00ff","\\x"}`],
    ['int4[]', int4Array([]), '{}'],
    ['bytea[]', byteaArray([]), '{}'],
  ])('are read as %s with the values that were given', async (type, bytes, text) => {
    const [row] = await open.database.query<{ text: string }>(`select ($1::${type})::text as text`, [bytes]);
    expect(row?.text).toBe(text);
  });
});
