import { defineDecider } from '../../kernel/decider.js';
import { defineErrors } from '../../kernel/errors.js';
import type { AudioEvent } from './audio.events.js';

export const audioErrors = defineErrors('audio', {
  notFound: ['not_found', 'NOT_FOUND', 'Audio not found'],
  addressRefused: ['forbidden', 'AUDIO_URL_INVALID', 'The address of the audio is not signed, or not for this audio'],
  addressExpired: ['gone', 'AUDIO_URL_EXPIRED', 'The address of the audio is not good any more'],
  gone: ['gone', 'AUDIO_GONE', 'The audio was deleted'],
  rangeNotSatisfiable: [
    'range_not_satisfiable',
    'RANGE_NOT_SATISFIABLE',
    'The audio has no bytes in the range that was asked for',
  ],
});

type DataOf<T extends AudioEvent['type']> = Extract<AudioEvent, { type: T }>['data'];

export type AudioCommand =
  | { readonly type: 'StoreAudio'; readonly data: DataOf<'AudioStored'> }
  | { readonly type: 'FailAudio'; readonly data: DataOf<'AudioFailed'> }
  | { readonly type: 'DeleteAudio'; readonly data: DataOf<'AudioDeleted'> };

export type AudioState =
  | { readonly status: 'absent' }
  | { readonly status: 'stored'; readonly stored: DataOf<'AudioStored'> }
  | { readonly status: 'failed'; readonly failed: DataOf<'AudioFailed'> }
  | { readonly status: 'deleted'; readonly runId: string };

/** One stream an audio: it is made, or fails, once, and is deleted once. */
export const audio = defineDecider<AudioCommand, AudioEvent, AudioState>({
  category: 'audio',
  initial: { status: 'absent' },
  decide: (command, state) => {
    switch (command.type) {
      case 'StoreAudio':
        return state.status === 'absent' ? [{ type: 'AudioStored', data: command.data }] : [];
      case 'FailAudio':
        return state.status === 'absent' ? [{ type: 'AudioFailed', data: command.data }] : [];
      case 'DeleteAudio':
        return state.status === 'stored' ? [{ type: 'AudioDeleted', data: command.data }] : [];
    }
  },
  evolve: (state, event) => {
    switch (event.type) {
      case 'AudioStored':
        return { status: 'stored', stored: event.data };
      case 'AudioFailed':
        return { status: 'failed', failed: event.data };
      case 'AudioDeleted':
        return state.status === 'stored' ? { status: 'deleted', runId: state.stored.runId } : state;
    }
  },
});
