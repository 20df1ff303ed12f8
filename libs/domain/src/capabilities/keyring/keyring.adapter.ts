import { defineCapability } from '../../kernel/capability.js';
import { keyring, keyringErrors } from './keyring.decider.js';
import { keyringEvents } from './keyring.events.js';
import { platformKeyRows } from './keyring.projection.js';

/** What the machinery is given of the platform's keys. */
export const keyringCapability = defineCapability({
  name: 'keyring',
  events: keyringEvents,
  errors: keyringErrors,
  deciders: [keyring],
  projections: [platformKeyRows],
  namesContent: [{ projection: platformKeyRows, column: 'secret_content_id' }],
});
