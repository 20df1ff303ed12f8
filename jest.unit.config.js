import { base } from './jest.base.config.js';

export default {
  ...base,
  testMatch: [
    '<rootDir>/libs/**/*.spec.ts',
    '<rootDir>/apps/**/*.spec.ts',
    '<rootDir>/test/architecture.spec.ts',
    '<rootDir>/test/endpoints.spec.ts',
    '<rootDir>/test/openapi.spec.ts',
  ],
};
