import { createHash } from 'node:crypto';
import { audio, type AudioCommand } from '#domain/capabilities/audio/audio.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Spoken, ToSpeak, Voice } from '#api/commands/voice.js';
import { speechErrors } from '#infra/adapters/speech/speech-errors.js';
import type { Speaker, Speech } from '#infra/adapters/speech/speaker.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import { derivedId } from '#infra/commands/ids.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { AudioAddresses } from './audio-address.adapter.js';

export interface SpokenAnswersDeps {
  readonly speaker: Speaker;
  readonly content: ContentStore;
  readonly path: CommandPath;
  readonly addresses: AudioAddresses;
  readonly addressSeconds: number;
  readonly keptSeconds: number;
  readonly onError: (error: unknown, runId: string) => void;
}

const DAY_SECONDS = 86_400;

/** The audio of a run; a run that is told again has the same. */
const audioOf = (runId: string): string => derivedId(runId, 'audio');

/** Speaks answers and keeps what was spoken, under the key of the session, so that whoever erases that erases it too. */
export class SpokenAnswers implements Voice {
  constructor(private readonly deps: SpokenAnswersDeps) {}

  static keptFor(days: number): number {
    return days * DAY_SECONDS;
  }

  async speak(asked: ToSpeak): Promise<Spoken> {
    try {
      const { tenantId, text, signal } = asked;
      return await this.keep(asked, await this.deps.speaker.speak({ tenantId, text, signal }));
    } catch (error) {
      asked.signal.throwIfAborted();
      return this.fail(asked, error);
    }
  }

  async giveUp(asked: ToSpeak): Promise<Spoken> {
    await this.fail(asked, new CatalogueError(speechErrors.ttsCancelled));
    // It may have been stored a moment before.
    return this.toldOf(asked.tenantId, asked.runId);
  }

  async toldOf(tenantId: string, runId: string): Promise<Spoken> {
    const state = await this.deps.path.load(audio, tenantId, audioOf(runId));
    if (state.status !== 'stored') return failure(state.status === 'failed' ? state.failed : unknownFailure);
    const { audioId, addressUntil, mime } = state.stored;
    const audio_url = this.deps.addresses.addressOf(tenantId, audioId, new Date(addressUntil));
    return { type: 'audio.ready', data: { audio_url, audio_id: audioId, mime } };
  }

  private async keep(asked: ToSpeak, { bytes, mime, characters }: Speech): Promise<Spoken> {
    const { tenantId, runId, subject } = asked;
    const content = await this.deps.content.put(subject, 'audio', bytes);
    const data = {
      ...this.whatOf(asked),
      content,
      sha256: createHash('sha256').update(bytes).digest('hex'),
      size: bytes.length,
      mime,
      characters,
      addressUntil: new Date(Date.now() + this.deps.addressSeconds * 1_000).toISOString(),
      keptSeconds: this.deps.keptSeconds,
    };
    await this.record(asked, { type: 'StoreAudio', data });
    return this.toldOf(tenantId, runId);
  }

  /** The text is there whatever becomes of its speech: what went wrong is told, and no more. */
  private async fail(asked: ToSpeak, error: unknown): Promise<Spoken> {
    const row = error instanceof CatalogueError ? error.row : undefined;
    if (row === undefined) this.deps.onError(error, asked.runId);
    const told = row === undefined ? unknownFailure : { code: row.code, message: row.title };
    const command: AudioCommand = { type: 'FailAudio', data: { ...this.whatOf(asked), ...told } };
    await this.record(asked, command).catch((late: unknown) => this.deps.onError(late, asked.runId));
    return failure(told);
  }

  private whatOf({ runId, session }: ToSpeak) {
    const { provider, model } = this.deps.speaker;
    return { audioId: audioOf(runId), runId, session, provider, model };
  }

  private async record({ runId, facts, context }: ToSpeak, command: AudioCommand): Promise<void> {
    const now = new Date().toISOString();
    const own = { ...facts, commandId: derivedId(facts.commandId, 'audio'), newId: derivedId(runId, 'audio'), now };
    await this.deps.path.run(audio, audioOf(runId), command, own, { ...context, causationId: facts.commandId });
  }
}

const unknownFailure = { code: speechErrors.ttsFailed.code, message: speechErrors.ttsFailed.title };

function failure({ code, message }: { readonly code: string; readonly message: string }): Spoken {
  return { type: 'audio.error', data: { code, message } };
}
