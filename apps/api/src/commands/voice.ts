import type { Facts } from '#domain/kernel/decider.js';
import type { Subject } from '#infra/content/content-store.js';
import type { CommandContext } from '#infra/commands/command-path.js';

/** The text of an answer that shall be spoken. */
export interface ToSpeak {
  readonly tenantId: string;
  readonly runId: string;
  readonly session: string;
  /** Under whose key the audio is kept. */
  readonly subject: Subject;
  readonly text: string;
  readonly facts: Facts;
  readonly context: CommandContext;
  readonly signal: AbortSignal;
}

/** What a run tells of its speech: where it is, or why there is none. */
export type Spoken =
  | { readonly type: 'audio.ready'; readonly data: { audio_url: string; audio_id: string; mime: string } }
  | { readonly type: 'audio.error'; readonly data: { readonly code: string; readonly message: string } };

/** Speaks answers. */
export interface Voice {
  /** Never fails for a reason of the speech's own; rejects with the signal's reason only. */
  speak(asked: ToSpeak): Promise<Spoken>;
  /** No longer: what is told of a speech whose run was ended while it was made. */
  giveUp(asked: ToSpeak): Promise<Spoken>;
  /** What was, or would have been, told of a run's speech, from the log alone. */
  toldOf(tenantId: string, runId: string): Promise<Spoken>;
}
