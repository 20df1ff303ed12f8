import type { Provider } from '@nestjs/common';
import { openSpeaker, openTranscriber } from '#infra/platform/speech.js';
import type { Platform } from '#infra/platform/platform.js';
import { AudioAddresses } from './capabilities/audio/audio-address.adapter.js';
import { SpokenAnswers } from './capabilities/audio/audio.handler.js';
import { AudioFiles } from './capabilities/audio/audio.queries.js';
import { Transcriptions } from './capabilities/transcriptions/transcriptions.handler.js';
import { Authorization } from './commands/authorization.js';
import { Hearing } from './commands/hearing.js';
import { Rollouts } from './commands/rollouts.js';
import type { Voice } from './commands/voice.js';

function addressesOf({ stores, config }: Platform): AudioAddresses {
  return new AudioAddresses(stores.masterKey.derive('audio addresses'), config.speech.AUDIO_BASE_URL);
}

/** What speaks the answers of runs. */
export function voiceOf(platform: Platform): Voice {
  const { config, content, outbound, path, options } = platform;
  const speaker = openSpeaker(config, outbound);
  const { AUDIO_URL_TTL_SECONDS: addressSeconds, AUDIO_RETENTION_DAYS: days } = config.speech;
  return new SpokenAnswers({
    speaker,
    content,
    path,
    addresses: addressesOf(platform),
    addressSeconds,
    keptSeconds: SpokenAnswers.keptFor(days),
    onError: (error) => options.onProblem(error, 'speech'),
  });
}

export function audioProviders(platform: Platform): Provider[] {
  const { config, content, outbound, path, options } = platform;
  const addresses = addressesOf(platform);
  const transcriber = openTranscriber(config, outbound);
  const onError = (error: unknown): void => options.onProblem(error, 'speech');
  return [
    {
      provide: AudioFiles,
      inject: [Authorization],
      useFactory: (authorization: Authorization) => new AudioFiles({ path, content, addresses, authorization }),
    },
    {
      provide: Hearing,
      inject: [Rollouts],
      useFactory: (rollouts: Rollouts) => new Transcriptions(transcriber, rollouts, path, onError),
    },
  ];
}
