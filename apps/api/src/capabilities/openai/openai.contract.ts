import { defineErrors } from '#domain/kernel/errors.js';

export const openAiErrors = defineErrors('openai', {
  modelNotFound: ['not_found', 'NOT_FOUND', 'There is no such model: a model is the id of a corpus'],
  unsupported: [
    'bad_request',
    'UNSUPPORTED_PARAMETER',
    'A parameter asks for something that is not supported here; leave it out',
  ],
  runFailed: ['unavailable', 'RUN_FAILED', 'The answer could not be made; try again'],
});
