import { base } from './jest.base.config.js';

export default {
  ...base,
  testMatch: [
    '<rootDir>/test/**/*.spec.ts',
    '!**/test/architecture.spec.ts',
    '!**/test/openapi.spec.ts',
    '!**/test/endpoints.spec.ts',
  ],
  // Some specs start five processes on two busy cores.
  testTimeout: 120_000,
  // Each embedded database leaves memory behind in its worker: begin a new one rather than swap on a small machine.
  workerIdleMemoryLimit: '1GB',
};
