import { defineErrors } from '#domain/kernel/errors.js';

/** What can go wrong at the places where passages come from. */
export const retrievalErrors = defineErrors('retrieval', {
  failed: ['unavailable', 'RETRIEVAL_ERROR', 'Retrieval failed'],
  configInvalid: ['unavailable', 'RETRIEVAL_CONFIG_INVALID', 'The retrieval provider of this corpus is not known'],
  storeNotAllowed: [
    'forbidden',
    'EXTERNAL_STORE_NOT_ALLOWED',
    'The operator of this platform does not let this tenant search this store',
  ],
  awsConfigMissing: ['unavailable', 'AWS_CONFIG_MISSING', 'The knowledge base or the region of this corpus is missing'],
  awsAuth: ['unavailable', 'AWS_AUTH_ERROR', 'AWS credentials are missing or were refused'],
  awsFailed: ['unavailable', 'AWS_RETRIEVAL_ERROR', 'Retrieval from the Bedrock knowledge base failed'],
  vertexConfigMissing: [
    'unavailable',
    'VERTEX_RETRIEVAL_CONFIG_MISSING',
    'The project, the location or the data store of this corpus is missing',
  ],
  vertexAuth: ['unavailable', 'VERTEX_RETRIEVAL_AUTH_ERROR', 'Google credentials are missing or were refused'],
  vertexFailed: ['unavailable', 'VERTEX_RETRIEVAL_ERROR', 'Retrieval from Vertex AI Search failed'],
});
