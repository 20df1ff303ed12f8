import { defineErrors } from '#domain/kernel/errors.js';

export const openAiErrors = defineErrors('openai', {
  modelNotFound: ['not_found', 'MODEL_NOT_FOUND', 'There is no such model: a model is the id of a corpus'],
  embeddingModelNotFound: ['not_found', 'MODEL_NOT_FOUND', 'There is no such embedding model'],
  embeddingFailed: [
    'unavailable',
    'EMBEDDING_FAILED',
    'The embedding model can not be used as it is configured, or did not give vectors',
  ],
  unsupported: [
    'bad_request',
    'UNSUPPORTED_PARAMETER',
    'A parameter asks for something that is not supported here; leave it out',
  ],
  runFailed: ['unavailable', 'RUN_FAILED', 'The answer could not be made; try again'],
});
