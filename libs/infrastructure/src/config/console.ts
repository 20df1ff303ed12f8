import { defineConfig } from './define-config.js';
import { int, secret } from './fields.js';

/** Web apps. */
export const uiArea = defineConfig('ui', 'What web apps are given.', {
  UI_CURSOR_SECRET: secret('Signs the cursors of lists; follows from the master key when it is not set.', {
    minLength: 16,
  }),
  UI_ACTION_RETENTION_DAYS: int('How long the action log of the user interface is kept.', {
    default: 30,
    min: 1,
    max: 36_500,
    unit: 'days',
  }),
});

/** What operators watch. */
export const operationsArea = defineConfig('operations', 'What operators watch.', {
  EVENT_STREAM_MAX_SUBSCRIBERS: int('Clients that may follow the log at one time in one process; more get 503.', {
    default: 32,
    min: 1,
    max: 1_000,
  }),
});
