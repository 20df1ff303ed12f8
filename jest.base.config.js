/** Shared by the unit and the integration configuration: ES modules through SWC, source files instead of dist. */
const roots = {
  domain: 'libs/domain/src',
  infra: 'libs/infrastructure/src',
  api: 'apps/api/src',
  projector: 'apps/projector/src',
  cli: 'apps/cli/src',
  migrations: 'migrations',
  test: 'test',
};

export const base = {
  rootDir: '.',
  testEnvironment: 'node',
  setupFiles: ['<rootDir>/test/support/worker-sources.ts'],
  extensionsToTreatAsEsm: ['.ts'],
  transform: { '^.+\\.ts$': ['@swc/jest'] },
  modulePathIgnorePatterns: ['<rootDir>/dist/', '<rootDir>/var/'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    ...Object.fromEntries(
      Object.entries(roots).map(([name, path]) => [`^#${name}/(.*)\\.js$`, `<rootDir>/${path}/$1.ts`]),
    ),
  },
};
