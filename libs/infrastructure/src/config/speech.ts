import { defineConfig } from './define-config.js';
import { int, oneOf, secret, string, url } from './fields.js';

const HTTP = ['http://', 'https://'];
const PROVIDERS = ['none', 'fake', 'openai'] as const;

/** What answers are spoken with, and where their audio is found. */
export const speechArea = defineConfig('speech', 'Answers that are spoken, and speech that is understood.', {
  TTS_PROVIDER: oneOf('What speaks: nothing, constant bytes, or an OpenAI-compatible server.', PROVIDERS, 'none'),
  OPENAI_TTS_MODEL: string('The model that speaks.', 'gpt-4o-mini-tts'),
  OPENAI_TTS_VOICE: string('Its voice.', 'alloy'),
  OPENAI_TTS_BASE_URL: url('The server that speaks, where it is another one than OPENAI_BASE_URL.', HTTP),
  OPENAI_TTS_API_KEY: secret('The key of that server, where it is another one than OPENAI_API_KEY.'),
  TTS_TIMEOUT_MS: int('The longest that one piece of speech may take.', {
    default: 30_000,
    min: 100,
    max: 600_000,
    unit: 'ms',
  }),
  STT_PROVIDER: oneOf(
    'What transcribes speech: nothing, a constant text, or an OpenAI-compatible server.',
    PROVIDERS,
    'none',
  ),
  OPENAI_STT_MODEL: string('The model that transcribes.', 'whisper-1'),
  OPENAI_STT_BASE_URL: url('The server that transcribes, where it is another one than OPENAI_BASE_URL.', HTTP),
  OPENAI_STT_API_KEY: secret('The key of that server, where it is another one than OPENAI_API_KEY.'),
  STT_TIMEOUT_MS: int('The longest that one transcription may take.', {
    default: 60_000,
    min: 100,
    max: 600_000,
    unit: 'ms',
  }),
  AUDIO_BASE_URL: string('How clients reach this installation, for the addresses of audio.', 'http://localhost:8000'),
  AUDIO_URL_TTL_SECONDS: int('How long the address of an audio is good.', {
    default: 3_600,
    min: 1,
    max: 31_536_000,
    unit: 's',
  }),
  AUDIO_RETENTION_DAYS: int('How long audio is kept.', { default: 30, min: 1, max: 3_650, unit: 'days' }),
});
