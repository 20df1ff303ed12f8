import { randomUUID } from 'node:crypto';
import type { KeyStore } from '#infra/content/content-store.js';
import { PostgresContentStore } from '#infra/content/postgres-content-store.js';
import { storeRows } from '#infra/event-log/companions.js';
import { RecordedStreams } from '#infra/recorded-streams/recorded-streams.js';
import { FramesGone } from '#infra/recorded-streams/stream-writer.js';
import { fileHome, type KeyStoreHome } from '#test/content/key-stores.js';
import { openTestDatabase, type TestDatabase } from '#test/support/database.js';

describe('a stream of which some frames cannot be read any more', () => {
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

  it('is played after them, and never without them', async () => {
    const streams = new RecordedStreams(test.database, content, 'here');
    const away = new RecordedStreams(test.database, content, 'away');
    const key = { tenantId: 'acme', streamId: randomUUID() };
    const opening = await streams.opening(key, { kind: 'session', id: 's1' });
    await storeRows(test.database, opening.companion.kind, [opening.companion.row]);
    const writer = opening.begin();
    for (const text of ['one', 'two', 'three']) await writer.write(() => text);
    await writer.end();
    const played = async (after: number): Promise<string[]> => {
      const texts: string[] = [];
      for await (const { text } of away.follow(key, after, new AbortController().signal)) texts.push(text);
      return texts;
    };
    expect(await played(0)).toEqual(['one', 'two', 'three']);
    const [second] = await test.database.query<{ id: string }>(
      'select content_id as id from streams.batch where stream_id = $1 and first_seq = 2',
      [key.streamId],
    );
    await content.delete('acme', second?.id ?? '');
    for (const after of [0, 1]) await expect(played(after)).rejects.toThrow(FramesGone);
    expect(await played(2)).toEqual(['three']);
    expect(await played(3)).toEqual([]);
  });
});
