import { base } from './jest.base.config.js';

export default {
  ...base,
  testMatch: ['<rootDir>/test/**/*.spec.ts', '!**/test/architecture.spec.ts'],
  testTimeout: 60_000,
};
