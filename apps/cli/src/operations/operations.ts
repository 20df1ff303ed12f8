import { keysCreate, keysList, keysRevoke, keysRotate } from './keys.js';
import { personForget } from './persons.js';
import type { Operation } from './operation.js';

/** Every operation, by the name that the command line and the server share. */
export const operations: Readonly<Record<string, Operation>> = {
  'keys.create': keysCreate,
  'keys.list': keysList,
  'keys.revoke': keysRevoke,
  'keys.rotate': keysRotate,
  'persons.forget': personForget,
};
