import { defineDecider } from '../../kernel/decider.js';
import type { TranscriptionEvent } from './transcriptions.events.js';

type DataOf<T extends TranscriptionEvent['type']> = Extract<TranscriptionEvent, { type: T }>['data'];

export type TranscriptionCommand =
  | { readonly type: 'RecordTranscription'; readonly data: DataOf<'AudioTranscribed'> }
  | { readonly type: 'FailTranscription'; readonly data: DataOf<'TranscriptionFailed'> };

/** One stream a transcription: what failed may be tried again, and succeeds once. */
export const transcriptions = defineDecider<
  TranscriptionCommand,
  TranscriptionEvent,
  { readonly status: 'absent' | 'failed' | 'transcribed' }
>({
  category: 'transcriptions',
  initial: { status: 'absent' },
  decide: (command, { status }) => {
    if (status === 'transcribed') return [];
    switch (command.type) {
      case 'RecordTranscription':
        return [{ type: 'AudioTranscribed', data: command.data }];
      case 'FailTranscription':
        return status === 'absent' ? [{ type: 'TranscriptionFailed', data: command.data }] : [];
    }
  },
  evolve: (state, { type }) => {
    if (state.status === 'transcribed') return state;
    return { status: type === 'AudioTranscribed' ? 'transcribed' : 'failed' };
  },
});
