import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { ThreadedEmbedder } from '#infra/adapters/embedding/threaded-embedder.js';
import { postingsOf } from '#infra/retrieval/postings.js';
import { TermHasher } from '#infra/retrieval/term-hasher.js';
import { TextThread } from '#infra/retrieval/text-thread.js';

const key = Buffer.alloc(32, 9);
const texts = Array.from(
  { length: 40 },
  (_, at) => `Note ${at} of the harbour: tides rise, tides fall, and nobody counts.`,
);
const ordinals = texts.map((_, at) => at);

describe('the thread that counts and embeds texts', () => {
  const open: TextThread[] = [];
  const threadFrom = (worthTexts: number): TextThread => {
    const thread = new TextThread(key, worthTexts);
    open.push(thread);
    return thread;
  };
  afterEach(async () => {
    await Promise.all(open.splice(0).map((thread) => thread.close()));
  });

  it.each([
    ['before it is worth a start', Infinity],
    ['once it runs', 0],
  ])('gives what the same code gives here, %s', async (_, worthTexts) => {
    const thread = threadFrom(worthTexts);
    const embedder = new HashingEmbedder({ dimension: 64 });
    const [first, second, vectors] = await Promise.all([
      thread.count('acme', ordinals, texts),
      thread.count('other', [7], ['tides']),
      thread.embed(64, texts),
    ]);
    const chunks = ordinals.map((ordinal) => ({ ordinal }));
    expect(first).toEqual(postingsOf(new TermHasher(key), 'acme', chunks, texts));
    expect(second).toEqual(postingsOf(new TermHasher(key), 'other', [{ ordinal: 7 }], ['tides']));
    expect(vectors).toEqual(await embedder.embed(texts));
  });

  it('leaves the event loop free while it works', async () => {
    const thread = threadFrom(0);
    await thread.embed(64, ['warm']);
    const long = Array.from({ length: 3_000 }, (_, at) => texts.map((text) => `${text}${at}`).join(' '));
    let turns = 0;
    let over = false;
    const turning = (async () => {
      for (; !over; turns += 1) await new Promise((resolve) => setTimeout(resolve, 1));
    })();
    await thread.embed(64, long);
    over = true;
    await turning;
    // The same here takes a turn for each 64 texts.
    expect(turns).toBeGreaterThan(long.length / 64 + 10);
  });

  it('fails what was asked when it ends, and starts again for the next', async () => {
    const thread = threadFrom(0);
    await thread.embed(64, ['warm']);
    const lost = thread.embed(
      64,
      Array.from({ length: 5_000 }, (_, at) => `${texts.join(' ')} ${at}`),
    );
    const failed = expect(lost).rejects.toThrow('ended');
    await new Promise((resolve) => setTimeout(resolve, 20));
    await thread.close();
    await failed;
    expect(await thread.embed(64, ['tides'])).toEqual(await new HashingEmbedder({ dimension: 64 }).embed(['tides']));
  });

  it('embeds documents; questions are embedded where they are asked', async () => {
    const asked: (readonly string[])[] = [];
    const own = new HashingEmbedder({ dimension: 64 });
    const embed = async (_: number, given: readonly string[]) => {
      asked.push(given);
      return own.embed(given);
    };
    const embedder = new ThreadedEmbedder(own, { embed });
    const tenantId = 'acme';
    expect([embedder.model, embedder.dimension, embedder.local]).toEqual([own.model, 64, true]);
    const question = await embedder.embed(['tides'], { tenantId, purpose: 'query' });
    expect(asked).toEqual([]);
    expect(await embedder.embed(['tides'], { tenantId })).toEqual(question);
    expect(asked).toEqual([['tides']]);
    await expect(embedder.embed(['tides'], { tenantId, signal: AbortSignal.abort() })).rejects.toThrow('abort');
  });
});
