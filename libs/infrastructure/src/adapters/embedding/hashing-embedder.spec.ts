import fc from 'fast-check';
import { normalised } from './embedder.js';
import { HashingEmbedder } from './hashing-embedder.js';

const embedder = new HashingEmbedder();
const dot = (a: Float32Array, b: Float32Array): number => a.reduce((sum, value, at) => sum + value * (b[at] ?? 0), 0);
const nearness = async (a: string, b: string): Promise<number> => {
  const [first, second] = await embedder.embed([a, b]);
  return dot(first ?? new Float32Array(), second ?? new Float32Array());
};

describe('the hashing embedder', () => {
  it('gives every text a finite vector of length 1', async () => {
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const [vector] = await embedder.embed([text]);
        expect(vector).toHaveLength(embedder.dimension);
        expect(Math.abs(dot(vector ?? new Float32Array(), vector ?? new Float32Array()) - 1)).toBeLessThan(1e-5);
      }),
    );
  });

  it('tells texts without words apart', async () => {
    expect(await nearness('!!!', '???')).toBeLessThan(0.9);
    expect(await nearness('', '   ')).toBeCloseTo(1);
  });

  it('gives the same vector every time, in any batch', async () => {
    const many = await embedder.embed(['one', 'two', 'release gates']);
    const [alone] = await new HashingEmbedder().embed(['release gates']);
    expect(many[2]).toEqual(alone);
  });

  it('puts related words nearer than others', async () => {
    expect(await nearness('aerodynamic heating', 'aerodynamics and heat')).toBeGreaterThan(
      (await nearness('aerodynamic heating', 'annual financial report')) + 0.3,
    );
  });

  it('stops when it is told to', async () => {
    await expect(embedder.embed(['text'], { signal: AbortSignal.abort() })).rejects.toThrow();
  });

  it('replaces a vector that is no direction', () => {
    expect(normalised(new Float32Array([Number.NaN, 1]))).toEqual(new Float32Array([1, 0]));
    expect(normalised(new Float32Array(2))).toEqual(new Float32Array([1, 0]));
  });
});
