import { defineConfig } from './define-config.js';
import { boolean, int } from './fields.js';

/** The defaults of kill switches and canaries. */
export const rolloutArea = defineConfig(
  'rollouts',
  'What is switched off, or rolled out in part, until an operator changes it.',
  {
    KILL_RUN: boolean('Answers no question.', false),
    KILL_INGEST: boolean('Takes in and reindexes no document.', false),
    KILL_TTS: boolean('Speaks no answer.', false),
    KILL_EXTERNAL_RETRIEVAL: boolean('Asks no retrieval provider beyond this system.', false),
    KILL_NOTIFICATIONS: boolean('Sends no notification; what is to be sent waits.', false),
    ROLLOUT_TTS_PCT: int('The share of the tenants whose answers may be spoken.', {
      default: 100,
      min: 0,
      max: 100,
      unit: '%',
    }),
    ROLLOUT_EXTERNAL_RETRIEVAL_PCT: int('The share of the tenants that may use external retrieval providers.', {
      default: 100,
      min: 0,
      max: 100,
      unit: '%',
    }),
  },
);
