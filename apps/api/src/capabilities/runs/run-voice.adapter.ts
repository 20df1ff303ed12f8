import { sessionSubject } from '#domain/capabilities/sessions/sessions.decider.js';
import type { Facts } from '#domain/kernel/decider.js';
import type { Spoken, Voice } from '#api/commands/voice.js';
import type { CommandContext } from '#infra/commands/command-path.js';
import type { StreamKey } from '#infra/recorded-streams/stream-writer.js';
import type { RunAsked } from './run-admission.handler.js';

interface Answered {
  readonly key: StreamKey;
  readonly asked: RunAsked;
  readonly facts: Facts;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}

/** Speaks the answer of a run, under the key of its conversation; given up when the run is ended meanwhile. */
export async function spokenAnswer(
  voice: Voice,
  { key, asked, facts, context, signal }: Answered,
  text: string,
): Promise<Spoken> {
  const { tenantId, streamId: runId } = key;
  const { id: session, life } = asked.conversation;
  const subject = sessionSubject(tenantId, session, life);
  const toSpeak = { tenantId, runId, session, subject, text, facts, context, signal };
  try {
    signal.throwIfAborted();
    return await voice.speak(toSpeak);
  } catch (error) {
    // Where another process has the stream, it tells the rest.
    if (!signal.aborted || signal.reason === 'lost') throw error;
    return voice.giveUp(toSpeak);
  }
}
