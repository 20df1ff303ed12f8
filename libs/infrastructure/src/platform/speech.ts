import { OpenAiSpeechClient } from '#infra/adapters/speech/openai-client.js';
import { FakeSpeaker, NoSpeaker, OpenAiSpeaker, type Speaker } from '#infra/adapters/speech/speaker.js';
import {
  FakeTranscriber,
  NoTranscriber,
  OpenAiTranscriber,
  type Transcriber,
} from '#infra/adapters/speech/transcriber.js';
import type { Config } from '#infra/config/config.js';
import type { Outbound } from '#infra/shared-state/outbound.js';

const OPENAI = 'https://api.openai.com/v1';

/** What speaks, as configured; without a key or a server of one's own nothing does. */
export function openSpeaker({ speech, providers }: Pick<Config, 'speech' | 'providers'>, outbound: Outbound): Speaker {
  if (speech.TTS_PROVIDER === 'fake') return new FakeSpeaker();
  const apiKey = (speech.OPENAI_TTS_API_KEY ?? providers.OPENAI_API_KEY)?.reveal();
  const own = speech.OPENAI_TTS_BASE_URL ?? providers.OPENAI_BASE_URL;
  if (speech.TTS_PROVIDER === 'none' || (apiKey === undefined && own === undefined)) return new NoSpeaker();
  const call = { integration: 'tts.openai', options: { timeoutMs: speech.TTS_TIMEOUT_MS } };
  const client = new OpenAiSpeechClient(outbound, { baseUrl: own ?? OPENAI, apiKey }, call);
  return new OpenAiSpeaker(client, speech.OPENAI_TTS_MODEL, speech.OPENAI_TTS_VOICE);
}

/** What transcribes, as configured; without a key or a server of one's own nothing does. */
export function openTranscriber(
  { speech, providers }: Pick<Config, 'speech' | 'providers'>,
  outbound: Outbound,
): Transcriber {
  if (speech.STT_PROVIDER === 'fake') return new FakeTranscriber();
  const apiKey = (speech.OPENAI_STT_API_KEY ?? providers.OPENAI_API_KEY)?.reveal();
  const own = speech.OPENAI_STT_BASE_URL ?? providers.OPENAI_BASE_URL;
  if (speech.STT_PROVIDER === 'none' || (apiKey === undefined && own === undefined)) return new NoTranscriber();
  const call = { integration: 'stt.openai', options: { timeoutMs: speech.STT_TIMEOUT_MS } };
  const client = new OpenAiSpeechClient(outbound, { baseUrl: own ?? OPENAI, apiKey }, call);
  return new OpenAiTranscriber(client, speech.OPENAI_STT_MODEL);
}
