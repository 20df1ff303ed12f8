import { randomUUID } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import type { TestClient } from './client.js';
import type { TestTenant } from './server.js';

/** What one call of a load was answered. */
export interface Outcome {
  readonly what: string;
  readonly status: number;
  readonly code: string | undefined;
  readonly degraded: boolean;
}

type Call = () => Promise<Omit<Outcome, 'what'>>;

const outcome = (status: number, headers: Headers, code: string | undefined): Omit<Outcome, 'what'> => ({
  status,
  code,
  degraded: headers.get('x-ratelimit-status') === 'degraded',
});

/** Calls of every kind, one after the other by each of its callers, until it is stopped. */
export class MixedLoad {
  readonly outcomes: Outcome[] = [];
  private going = true;
  private readonly callers: Promise<void>[] = [];

  constructor(tenant: TestTenant) {
    for (const [what, call] of Object.entries(callsOf(tenant))) this.callers.push(this.loop(what, call));
  }

  /** What was answered since a number of outcomes ago. */
  since(mark: number): readonly Outcome[] {
    return this.outcomes.slice(mark);
  }

  /** True when every kind of call had an outcome like this since the mark. */
  every(mark: number, holds: (outcome: Outcome) => boolean): boolean {
    const kinds = new Set(
      this.since(mark)
        .filter(holds)
        .map(({ what }) => what),
    );
    return kinds.size === this.callers.length;
  }

  async stop(): Promise<void> {
    this.going = false;
    await Promise.all(this.callers);
  }

  private async loop(what: string, call: Call): Promise<void> {
    while (this.going) {
      this.outcomes.push({ what, ...(await call()) });
      // One core serves callers and server alike.
      await delay(2);
    }
  }
}

function callsOf({ admin, editor, reader }: TestTenant): Record<string, Call> {
  const answered = async (call: ReturnType<TestClient['call']>): Promise<Omit<Outcome, 'what'>> => {
    const { status, headers, code } = await call;
    return outcome(status, headers, code);
  };
  const run = async (headers: Record<string, string>): Promise<Omit<Outcome, 'what'>> => {
    const question = { session_id: 's1', corpus_id: 'c1', message: 'why?', top_k: 5, audio: false };
    const answer = await reader.post('/v1/run', question, headers);
    const failed = /"type":"error".*?"code":"([A-Z_]+)"/.exec(answer.text)?.[1];
    const cut = answer.status === 200 && !answer.text.includes('"type":"done"') ? 'STREAM_CUT' : undefined;
    return outcome(answer.status, answer.headers, answer.code ?? failed ?? cut);
  };
  return {
    read: () => answered(reader.get('/v1/corpora')),
    'another read': () => answered(admin.get('/v1/documents')),
    write: () => answered(editor.patch('/v1/corpora/c1', { name: 'again' })),
    'a write with a key': () =>
      answered(editor.patch('/v1/corpora/c1', { name: 'once' }, { 'idempotency-key': randomUUID() })),
    'a kill switch': () =>
      answered(admin.patch('/v1/admin/rollouts/killswitches', { kill_switches: { 'kill.tts': false } })),
    run: () => run({}),
    'a run with a key': () => run({ 'idempotency-key': randomUUID() }),
  };
}
