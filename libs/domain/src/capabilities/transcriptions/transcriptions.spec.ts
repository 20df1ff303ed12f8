import { specify } from '../../kernel/testing/given.js';
import { transcriptions } from './transcriptions.decider.js';
import type { TranscriptionEvent } from './transcriptions.events.js';

const heard = {
  transcriptionId: '01900000-0000-7000-8000-00000000000a',
  runId: null,
  provider: 'openai',
  model: 'whisper-1',
  mime: 'audio/wav',
  size: 44,
  sha256: 'a'.repeat(64),
};
const done = { ...heard, language: 'english', durationMs: 2_500, characters: 20 };
const transcribed: TranscriptionEvent = { type: 'AudioTranscribed', data: done };
const failed: TranscriptionEvent = { type: 'TranscriptionFailed', data: { ...heard, code: 'STT_ERROR' } };
const record = { type: 'RecordTranscription', data: done } as const;
const fail = { type: 'FailTranscription', data: failed.data } as const;

describe('a transcription', () => {
  it('succeeds once, whatever is said later', () => {
    specify(transcriptions).given().when(record).then(transcribed);
    specify(transcriptions).given(transcribed).when(record).thenNothing();
    specify(transcriptions).given(transcribed).when(fail).thenNothing();
  });

  it('may succeed after it failed, and its failure is told once', () => {
    specify(transcriptions).given().when(fail).then(failed);
    specify(transcriptions).given(failed).when(fail).thenNothing();
    specify(transcriptions).given(failed).when(record).then(transcribed);
    specify(transcriptions).given(failed, transcribed).when(fail).thenNothing();
  });
});
