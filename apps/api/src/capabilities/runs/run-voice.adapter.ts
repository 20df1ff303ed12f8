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

/** Speaks the answer of a run, if that was asked for: under the key of its conversation. */
export async function spokenAnswer(
  voice: Voice,
  { key, asked, facts, context, signal }: Answered,
  text: string,
): Promise<Spoken | undefined> {
  if (!asked.audio) return undefined;
  const { tenantId, streamId: runId } = key;
  const { id: session, life } = asked.conversation;
  const subject = sessionSubject(tenantId, session, life);
  return voice.speak({ tenantId, runId, session, subject, text, facts, context, signal });
}
