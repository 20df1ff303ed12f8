import { createHash, randomUUID } from 'node:crypto';
import type { KeyStore } from '#infra/content/content-store.js';
import { PostgresContentStore } from '#infra/content/postgres-content-store.js';
import { storeRows } from '#infra/event-log/companions.js';
import { RecordedStreams, type StreamOpening } from '#infra/recorded-streams/recorded-streams.js';
import { fileHome, type KeyStoreHome } from '#test/content/key-stores.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

const TWINS = 16;
const subject = { kind: 'session', id: 's1' };

describe('twins that come at the same time', () => {
  let test: TestDatabase;
  let home: KeyStoreHome;
  let keys: KeyStore;
  let content: PostgresContentStore;
  beforeAll(async () => {
    test = await openTestDatabase();
    home = await fileHome();
    keys = await home.open();
    content = new PostgresContentStore(test.database, keys);
  });
  afterAll(async () => {
    await keys.close();
    await home.remove();
    await test.drop();
  });

  const together = (openings: readonly StreamOpening[]): Promise<readonly boolean[]> => {
    const [kind] = openings.map(({ companion }) => companion.kind);
    if (kind === undefined) throw new Error('nothing to open');
    return storeRows(
      test.database,
      kind,
      openings.map(({ companion }) => companion.row),
    );
  };
  const sideBySide = async (openings: readonly StreamOpening[]): Promise<readonly boolean[]> =>
    (await Promise.all(openings.map((one) => together([one])))).flat();

  it('open one stream, whose first frames and headers are those of the one that writes it', async () => {
    const streams = new RecordedStreams(test.database, content, 'here');
    const away = new RecordedStreams(test.database, content, 'away');
    for (let times = 0; times < 20; times += 1) {
      const key = { tenantId: 'acme', streamId: randomUUID() };
      const asked = await Promise.all(
        Array.from({ length: TWINS }, (_, at) =>
          content.seal({
            subject: { tenantId: 'acme', ...subject },
            kind: 'text',
            bytes: Buffer.from(`asked by ${at}`),
          }),
        ),
      );
      const openings = await Promise.all(
        asked.map((contents, at) => {
          const first = [(seq: number) => `twin ${at}, frame ${seq}`];
          return streams.opening(key, subject, { headers: { twin: String(at) }, first, contents: [contents] });
        }),
      );
      const stored = await (times % 2 === 0 ? together(openings) : sideBySide(openings));
      expect(stored.filter(Boolean)).toHaveLength(1);
      const at = stored.indexOf(true);
      const writer = openings[at]?.begin();
      // One whose outcome was unknown comes again, and so do its twins.
      expect(await sideBySide(openings)).toEqual(stored);
      expect((await away.info(key))?.headers).toEqual({ twin: String(at) });
      const kept = await Promise.all(asked.map(({ id }) => content.get('acme', id)));
      expect(kept.map(String)).toEqual(asked.map((_, each) => (each === at ? `asked by ${at}` : 'undefined')));
      await writer?.end([(seq) => `the end, frame ${seq}`]);
      const frames = await away.read(key, 0);
      expect(frames.map(({ text }) => text)).toEqual([`twin ${at}, frame 1`, 'the end, frame 2']);
      const sha256 = createHash('sha256')
        .update(frames.map(({ text }) => text).join(''))
        .digest('hex');
      expect(writer?.digest()).toEqual({ count: 2, sha256 });
    }
  });

  it('store one content, and are told of the one that is stored', async () => {
    for (let times = 0; times < 20; times += 1) {
      const id = randomUUID();
      const of = { tenantId: 'acme', ...subject };
      const refs = await Promise.all(
        Array.from({ length: TWINS }, () =>
          content.putMany([{ subject: of, kind: 'text', bytes: Buffer.from('one'), id }]),
        ),
      );
      const [row] = await test.database.query<{ sealed: Buffer }>('select sealed from content.blob where id = $1', [
        id,
      ]);
      const stored = createHash('sha256')
        .update(row?.sealed ?? '')
        .digest('hex');
      expect(new Set(refs.flat().map(({ sha256 }) => sha256))).toEqual(new Set([stored]));
    }
  });
});
