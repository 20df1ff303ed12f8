import { foldRow, type RowOf } from '../../kernel/projection.js';
import { attemptOf } from '../../kernel/testing/attempt.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { audio } from './audio.decider.js';
import type { AudioEvent } from './audio.events.js';
import { deleteAudio } from './audio.handler.js';
import { audioRows } from './audio.projection.js';
import { audioReactions } from './audio.reactions.js';

const audioId = '01900000-0000-7000-8000-00000000000a';
const spoken = { audioId, runId: audioId, session: audioId, provider: 'openai', model: 'gpt-4o-mini-tts' };
const content = { id: '01900000-0000-7000-8000-00000000000c', sha256: 'a'.repeat(64), size: 5, keyId: 'k' };
const data = {
  ...spoken,
  content,
  sha256: 'b'.repeat(64),
  size: 5,
  mime: 'audio/mpeg',
  characters: 12,
  addressUntil: '2026-01-02T04:04:05.678Z',
  keptSeconds: 60,
};
const stored: AudioEvent = { type: 'AudioStored', data };
const failed: AudioEvent = { type: 'AudioFailed', data: { ...spoken, code: 'TTS_ERROR', message: 'It failed' } };
const deletion = { type: 'DeleteAudio', data: { audioId, reason: 'retention' } } as const;
const deleted: AudioEvent = { type: 'AudioDeleted', data: deletion.data };

describe('an audio', () => {
  it('is made once, or fails once, whatever is said later', () => {
    specify(audio).given().when({ type: 'StoreAudio', data }).then(stored);
    specify(audio).given(stored).when({ type: 'FailAudio', data: failed.data }).thenNothing();
    specify(audio).given(failed).when({ type: 'StoreAudio', data }).thenNothing();
  });

  it('is deleted once, when there is one', () => {
    specify(audio).given(stored).when(deletion).then(deleted);
    specify(audio).given(stored, deleted).when(deletion).thenNothing();
    specify(audio).given(failed).when(deletion).thenNothing();
  });

  it('names its content until it is deleted, so that no sweep takes it', () => {
    type Row = RowOf<typeof audioRows.columns>;
    const rowAfter = (...history: AudioEvent[]) =>
      history.reduce<Row | undefined>((row, event) => foldRow(audioRows, recorded(event), row), undefined);
    expect(rowAfter(stored)).toMatchObject({ id: audioId, content_id: content.id, deleted_at: null });
    expect(rowAfter(stored, deleted)).toMatchObject({ content_id: null, deleted_at: expect.any(String) });
    expect(rowAfter(failed)).toBeUndefined();
  });

  it('has its deletion due as long after as it may be kept', () => {
    const event = recorded({ type: 'AudioStored', data } as const);
    expect(audioReactions.on.AudioStored?.(event)).toEqual([
      { kind: 'job', job: deleteAudio.name, data: expect.objectContaining({ audioId }), afterSeconds: 60 },
    ]);
  });

  it('is told to be deleted before its bytes are', async () => {
    const done: string[] = [];
    const note = (what: string) => Promise.resolve(void done.push(what));
    await deleteAudio.handle(attemptOf({ tenantId: 't1', audioId, contentId: content.id }), {
      commands: { load: () => Promise.reject(new Error('not asked')), run: (_, __, ___, { type }) => note(type) },
      content: { get: () => Promise.resolve(undefined), delete: (_, id) => note(id) },
    });
    expect(done).toEqual(['DeleteAudio', content.id]);
  });
});
