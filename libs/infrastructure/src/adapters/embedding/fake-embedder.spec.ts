import { FakeEmbedder } from './fake-embedder.js';

const embedder = new FakeEmbedder();
const entries = async (text: string): Promise<[number, number][]> => {
  const [vector = new Float32Array()] = await embedder.embed([text]);
  return [...vector.entries()].filter(([, value]) => value !== 0);
};

describe('the deterministic embedder of the contract', () => {
  it.each([
    ['hello', 186, 1],
    ['world_1', 327, -1],
    ['release', 492, 1],
    ['gates', 115, 1],
  ])('puts %s alone into its bucket with its sign', async (word, bucket, sign) => {
    expect(await entries(word)).toEqual([[bucket, sign]]);
  });

  it('gives the published vector of a sentence', async () => {
    const [[first, one] = [], [second, other] = []] = await entries('Hello, hello world_1');
    expect([first, second]).toEqual([186, 327]);
    expect(one).toBeCloseTo(0.94824742469374, 6);
    expect(other).toBeCloseTo(-0.3175323945075368, 6);
  });

  it('weighs two words as published', async () => {
    const values = (await entries('release gates')).map(([, value]) => value);
    expect((values[0] ?? 0) / (values[1] ?? 1)).toBeCloseTo(1.068 / 0.724, 5);
  });

  it('has a direction for a text without words', async () => {
    expect(await entries('東京 ¿?')).toEqual([[0, 1]]);
  });
});
