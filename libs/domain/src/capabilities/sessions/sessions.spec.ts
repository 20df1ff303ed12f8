import { foldRow } from '../../kernel/projection.js';
import { attemptOf } from '../../kernel/testing/attempt.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import type { RunEvent } from '../runs/runs.events.js';
import { sessionErrors, sessions, sessionSubject } from './sessions.decider.js';
import type { SessionEvent } from './sessions.events.js';
import { purgeSession } from './sessions.handler.js';
import type { SessionPorts } from './sessions.ports.js';
import { sessionRows, type SessionRow } from './sessions.projection.js';
import { sessionReactions } from './sessions.reactions.js';

const content = { id: '01900000-0000-7000-8000-00000000000c', sha256: 'a'.repeat(64), size: 5, keyId: 'k' };
const conversation = (life = 0) => ({ session: 'x1', sessionId: 's1', userId: 'ada', life });
const started = (life = 0): Extract<RunEvent, { type: 'RunStarted' }> => ({
  type: 'RunStarted',
  data: {
    ...conversation(life),
    runId: '01900000-0000-7000-8000-00000000000a',
    corpusId: 'c1',
    topK: null,
    message: content,
  },
});
const renamed = (title: typeof content | null, life = 0): Extract<SessionEvent, { type: 'SessionRenamed' }> => ({
  type: 'SessionRenamed',
  data: { ...conversation(life), title },
});
const deleted = (life = 0): Extract<SessionEvent, { type: 'SessionDeleted' }> => ({
  type: 'SessionDeleted',
  data: { ...conversation(life), reason: 'request' },
});
const remove = (life = 0) => ({ type: 'DeleteSession', data: deleted(life).data }) as const;
const rename = (title: typeof content | null) => ({ type: 'RenameSession', data: renamed(title).data }) as const;
const rowAfter = (...events: readonly Parameters<typeof recorded<SessionEvent | ReturnType<typeof started>>>[0][]) =>
  events.reduce<SessionRow | undefined>((row, event) => foldRow(sessionRows, recorded(event), row), undefined);

describe('a session', () => {
  it('is deleted once in each of its lives', () => {
    specify(sessions).given().when(remove()).then(deleted());
    specify(sessions).given(deleted()).when(remove()).refuses(sessionErrors.notFound);
    specify(sessions).given(deleted()).when(remove(1)).then(deleted(1));
  });

  it('is given a title, which is taken away once', () => {
    specify(sessions).given().when(rename(content)).then(renamed(content));
    specify(sessions).given(renamed(content)).when(rename(content)).thenNothing();
    specify(sessions).given(renamed(content)).when(rename(null)).then(renamed(null));
    specify(sessions).given().when(rename(null)).thenNothing();
  });

  it('has another key in each life, so that destroying one never meets the words of another', () => {
    const ids = [0, 1, 2].map((life) => sessionSubject('t1', 'x1', life).id);
    expect(new Set(ids).size).toBe(3);
  });

  it('begins with its first run, and counts them', () => {
    expect(rowAfter(started(), started())).toMatchObject({
      id: 'x1',
      session_id: 's1',
      user_id: 'ada',
      runs_started: 2,
    });
  });

  it('is gone after its deletion, whatever a run of before still tells, and begins anew under the same name', () => {
    expect(rowAfter(started(), renamed(content), deleted())).toMatchObject({ deleted: true, title_content_id: null });
    expect(rowAfter(started(), deleted(), started())).toMatchObject({ deleted: true, runs_started: 0 });
    const again = rowAfter(started(), deleted(), started(1));
    expect(again).toMatchObject({ deleted: false, life: 1, runs_started: 1, title_content_id: null });
  });

  it('takes no title that was meant for an earlier life', () => {
    expect(rowAfter(started(), deleted(), started(1), renamed(content))).toMatchObject({ title_content_id: null });
  });

  it('is purged at once, and again when every run of before has ended', () => {
    const event = recorded(deleted(), { stream: 'sessions-t1.01900000-0000-7000-8000-0000000000aa' });
    const effects = sessionReactions.on.SessionDeleted?.(event) ?? [];
    expect(effects.map((effect) => effect.kind === 'job' && effect.afterSeconds)).toEqual([0, 120, 3_600]);
    expect(effects[0]).toMatchObject({ job: 'sessions.purge', data: { session: 'x1', life: 0 } });
  });

  it('loses its key before its contents, and only when the log says that it was deleted', async () => {
    const steps: string[] = [];
    const ports = (deletions: number) =>
      ({
        commands: { load: () => Promise.resolve({ deletions, titleId: null }) },
        keys: { destroy: ({ id }: { id: string }) => Promise.resolve(steps.push(`key ${id}`) > 0) },
        content: { deleteOf: ({ id }: { id: string }) => Promise.resolve(steps.push(`content ${id}`)) },
      }) as unknown as SessionPorts;
    const data = { tenantId: 't1', streamId: 'st', session: 'x1', life: 1 };
    const attempt = attemptOf(data);
    await purgeSession.handle(attempt, ports(1));
    expect(steps).toEqual([]);
    await purgeSession.handle(attempt, ports(2));
    expect(steps).toEqual(['key x1.1', 'content x1.1']);
  });
});
