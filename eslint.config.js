import eslint from '@eslint/js';
import tseslint from 'typescript-eslint';

const specs = ['**/*.spec.ts', 'test/**/*.ts', 'libs/domain/src/kernel/testing/**'];

const environment = {
  selector: "MemberExpression[object.name='process'][property.name='env']",
  message:
    'Only libs/infrastructure/src/config reads the environment: take the option by argument, or declare it in the schema there.',
};

/** What loses data on PGlite's one session, by the trials that architecture.md tells of. */
const database = [
  {
    selector: "CallExpression[callee.property.name='query'][callee.object.name=/^(pool|lite|pglite)$/i]",
    message: 'Ask the Database class: a query on a pool or on PGlite itself escapes the ambient transaction.',
  },
  {
    selector:
      "CallExpression[callee.property.name='query'][callee.object.type='MemberExpression'][callee.object.property.name=/^(pool|lite|pglite)$/i]",
    message: 'Ask the Database class: a query on a pool or on PGlite itself escapes the ambient transaction.',
  },
  {
    selector: 'Identifier[name=/^(fromPglite|createPgConfig)$/]',
    message: 'Only libs/infrastructure/src/database opens a pool; everything else is handed a Database.',
  },
];

const buses = {
  name: '@nestjs/cqrs',
  importNames: ['EventBus', 'AggregateRoot', 'EventPublisher', 'EventsHandler', 'Saga'],
  message: 'Stored events go through the event log; of @nestjs/cqrs only the command and query buses are used.',
};

const drivers = [
  'pg',
  '@electric-sql/pglite',
  '@electric-sql/pglite-pgvector',
  '@electric-sql/pglite/node-postgres',
].map((name) => ({
  name,
  allowTypeImports: true,
  message: 'Only libs/infrastructure/src/database opens connections; everything else is handed a Database.',
}));

export default tseslint.config(
  { ignores: ['dist/', 'var/', 'coverage/', 'docs/', 'node_modules/', '**/fixtures/**'] },
  { linterOptions: { reportUnusedDisableDirectives: 'error' } },
  eslint.configs.recommended,
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.strictTypeChecked],
    languageOptions: {
      parserOptions: {
        projectService: true,
        tsconfigRootDir: import.meta.dirname,
        emitDecoratorMetadata: true,
        experimentalDecorators: true,
      },
    },
    rules: {
      'max-lines': ['error', { max: 250, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': ['error', { max: 50, skipBlankLines: true, skipComments: true }],
      // A switch counts once: an exhaustive one over a union is as simple as a table.
      complexity: ['error', { max: 10, variant: 'modified' }],
      eqeqeq: ['error', 'always', { null: 'ignore' }],
      'no-console': 'error',
      '@typescript-eslint/consistent-type-imports': [
        'error',
        { fixStyle: 'separate-type-imports', disallowTypeAnnotations: false },
      ],
      '@typescript-eslint/no-import-type-side-effects': 'error',
      '@typescript-eslint/switch-exhaustiveness-check': ['error', { considerDefaultExhaustiveForUnions: true }],
      '@typescript-eslint/no-unused-vars': [
        'error',
        { argsIgnorePattern: '^_', varsIgnorePattern: '^_', ignoreRestSiblings: true },
      ],
      '@typescript-eslint/restrict-template-expressions': ['error', { allowNumber: true, allowBoolean: true }],
      '@typescript-eslint/no-confusing-void-expression': 'off',
      'no-control-regex': 'off',
      // Prettier's own layout of long `it.each` tables looks like the mistake that this rule is about.
      'no-unexpected-multiline': 'off',
      '@typescript-eslint/no-extraneous-class': ['error', { allowWithDecorator: true, allowStaticOnly: true }],
      '@typescript-eslint/no-misused-promises': [
        'error',
        { checksVoidReturn: { arguments: false, attributes: false, properties: false } },
      ],
      // Generated keys (row columns, header names) are looked up on records that the strict index access already guards.
      '@typescript-eslint/no-dynamic-delete': 'off',
      // A generic that appears once is how `defineX<Event>()` binds an inference; the rule cannot tell.
      '@typescript-eslint/no-unnecessary-type-parameters': 'off',
      // An `async` function without `await` is how a port's in-memory adapter keeps its rejections asynchronous.
      '@typescript-eslint/require-await': 'off',
      // Control flow forgets that an await, a callback or an abort may change a field in between.
      '@typescript-eslint/no-unnecessary-condition': 'off',
      // Views are plain objects in the shape of their DTO class.
      '@typescript-eslint/no-unsafe-class-instance-assignment': 'off',
      // The registries hold definitions of every type; what comes out of them is checked where it is assigned or returned.
      '@typescript-eslint/no-unsafe-argument': 'off',
      '@typescript-eslint/no-misused-spread': ['error', { allow: ['string'] }],
      '@typescript-eslint/unified-signatures': 'off',
      '@typescript-eslint/no-invalid-void-type': 'off',
      'no-restricted-syntax': ['error', environment, ...database],
      'no-restricted-imports': ['error', { paths: [buses, ...drivers] }],
    },
  },
  {
    files: ['libs/domain/src/**/*.ts'],
    rules: {
      'no-restricted-globals': [
        'error',
        'process',
        'setTimeout',
        'setInterval',
        'setImmediate',
        'crypto',
        'performance',
        'fetch',
        'Buffer',
      ],
      'no-restricted-properties': [
        'error',
        { object: 'Date', property: 'now', message: 'The domain has no clock: take the time from the facts.' },
        { object: 'Math', property: 'random', message: 'The domain has no randomness: take ids from the facts.' },
      ],
    },
  },
  { files: ['libs/infrastructure/src/config/**/*.ts'], rules: { 'no-restricted-syntax': ['error', ...database] } },
  {
    files: ['libs/infrastructure/src/database/**/*.ts', 'test/support/**/*.ts', 'test/database/**/*.ts'],
    rules: { 'no-restricted-syntax': ['error', environment], 'no-restricted-imports': ['error', { paths: [buses] }] },
  },
  // A migration is SQL from top to bottom.
  { files: ['migrations/**/*.ts'], rules: { 'max-lines-per-function': 'off' } },
  { files: ['apps/cli/src/**/*.ts', 'test/bench/**/*.ts'], rules: { 'no-console': 'off' } },
  {
    files: specs,
    rules: {
      'max-lines': ['error', { max: 350, skipBlankLines: true, skipComments: true }],
      'max-lines-per-function': 'off',
      'no-restricted-globals': 'off',
      complexity: 'off',
      'no-restricted-imports': ['error', { paths: [buses] }],
      // The test runner says which engine a run is for by the environment; a spec has no other channel.
      'no-restricted-syntax': ['error', ...database],
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/unbound-method': 'off',
      '@typescript-eslint/no-base-to-string': 'off',
      '@typescript-eslint/no-meaningless-void-operator': 'off',
      '@typescript-eslint/no-misused-spread': 'off',
      '@typescript-eslint/no-extraneous-class': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
    },
  },
  {
    files: ['test/support/**/*.ts', 'test/database/**/*.ts'],
    rules: { 'no-restricted-syntax': 'off' },
  },
  {
    files: ['**/*.js', '**/*.mjs', '**/*.cjs'],
    languageOptions: {
      globals: {
        process: 'readonly',
        console: 'readonly',
        URL: 'readonly',
        module: 'writable',
        fetch: 'readonly',
        setTimeout: 'readonly',
        clearTimeout: 'readonly',
        AbortSignal: 'readonly',
        TextDecoder: 'readonly',
      },
    },
    rules: { 'max-lines': ['error', 250], 'max-lines-per-function': ['error', 50], complexity: ['error', 10] },
  },
);
