const SPEC = '[.]spec[.]ts$';

/** The walls of docs/architecture.md. A rule's comment says what to do instead. */
module.exports = {
  forbidden: [
    {
      name: 'no-cycles',
      comment: 'Two files that need each other are one file, or need a third one.',
      severity: 'error',
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
    },
    {
      name: 'no-unresolvable',
      comment: 'The import leads nowhere.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'domain-is-pure',
      comment:
        'libs/domain depends on nothing at all: no package, no Node module, no other part. Pass what it needs as facts or through a port.',
      severity: 'error',
      from: { path: '^libs/domain/', pathNot: [SPEC, '^libs/domain/src/kernel/testing/'] },
      to: { pathNot: '^libs/domain/' },
    },
    {
      name: 'domain-specs-stay-inside',
      comment: 'A spec of the domain may use test packages, but no other part of the product.',
      severity: 'error',
      from: { path: '^libs/domain/' },
      to: { path: '^(apps|migrations|test|libs/infrastructure)/' },
    },
    {
      name: 'domain-testing-is-for-specs',
      comment: 'given/when/then is for specs.',
      severity: 'error',
      from: { path: '^(libs|apps|migrations)/', pathNot: [SPEC, '^libs/domain/src/kernel/testing/'] },
      to: { path: '^libs/domain/src/kernel/testing/' },
    },
    {
      name: 'kernel-names-no-capability',
      comment: 'The kernel is machinery; a capability adds data to it.',
      severity: 'error',
      from: { path: '^libs/domain/src/kernel/' },
      to: { path: '^libs/domain/src/capabilities/' },
    },
    {
      name: 'capability-by-events-and-ports',
      comment: 'A capability sees another only through its *.events.ts and *.ports.ts: react to its events instead.',
      severity: 'error',
      from: { path: '^libs/domain/src/capabilities/([^/]+)/' },
      to: {
        path: '^libs/domain/src/capabilities/[^/]+/',
        pathNot: ['^libs/domain/src/capabilities/$1/', '[.](events|ports)[.]ts$'],
      },
    },
    {
      name: 'api-capability-by-events-and-ports',
      comment: 'The HTTP side of a capability does not reach into another: share shapes in apps/api/src/http.',
      severity: 'error',
      from: { path: '^apps/api/src/capabilities/([^/]+)/' },
      to: { path: '^apps/api/src/capabilities/[^/]+/', pathNot: '^apps/api/src/capabilities/$1/' },
    },
    {
      name: 'api-capability-sees-its-own-domain',
      comment:
        'The HTTP side of a capability uses its own domain; of another it may load the state or the row and name its errors, no more.',
      severity: 'error',
      from: { path: '^apps/api/src/capabilities/([^/]+)/' },
      to: {
        path: '^libs/domain/src/capabilities/[^/]+/',
        pathNot: ['^libs/domain/src/capabilities/$1/', '[.](events|ports|projection|decider)[.]ts$'],
      },
    },
    {
      name: 'infrastructure-names-no-capability',
      comment: 'Infrastructure runs every capability and names none: it is handed definitions.',
      severity: 'error',
      from: { path: '^libs/infrastructure/', pathNot: SPEC },
      to: { path: '^libs/domain/src/capabilities/', pathNot: '[.]ports[.]ts$' },
    },
    {
      name: 'infrastructure-below-apps',
      comment: 'Libraries know nothing of the processes that use them.',
      severity: 'error',
      from: { path: '^(libs|migrations)/' },
      to: { path: '^apps/' },
    },
    {
      name: 'projector-names-no-capability',
      comment: 'The projector takes the list of capabilities, never one of them.',
      severity: 'error',
      from: { path: '^apps/projector/', pathNot: SPEC },
      to: { path: '^libs/domain/src/capabilities/[^/]+/' },
    },
    {
      name: 'apps-stand-alone',
      comment: 'Only apps/cli composes the others into one process.',
      severity: 'error',
      from: { path: '^apps/([^/]+)/', pathNot: '^apps/cli/' },
      to: { path: '^apps/[^/]+/', pathNot: '^apps/$1/' },
    },
    {
      name: 'nothing-imports-tests',
      comment: 'Production code imports neither test/ nor a spec.',
      severity: 'error',
      from: { path: '^(libs|apps|migrations)/', pathNot: SPEC },
      to: { path: ['^test/', SPEC] },
    },
    {
      name: 'no-spec-imports-a-spec',
      comment: 'What two specs share lives in test/support.',
      severity: 'error',
      from: {},
      to: { path: SPEC },
    },
    {
      name: 'no-dev-dependency-in-production',
      comment: 'A package used at run time belongs in "dependencies".',
      severity: 'error',
      from: { path: '^(libs|apps|migrations)/', pathNot: [SPEC, '^libs/domain/src/kernel/testing/'] },
      to: {
        dependencyTypes: ['npm-dev', 'npm-no-pkg'],
        dependencyTypesNot: ['type-only'],
        pathNot: '^node_modules/@types/',
      },
    },
    {
      name: 'no-orphans',
      comment: 'Nothing uses this file: remove it, or name it as an entry point.',
      severity: 'error',
      from: {
        orphan: true,
        pathNot: [SPEC, '[.]d[.]ts$', '^apps/[^/]+/src/main[.]ts$', '^migrations/', '^test/'],
      },
      to: {},
    },
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist/' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['source', 'import', 'node', 'default'],
      extensions: ['.ts', '.js', '.mjs', '.cjs', '.json'],
    },
    cache: { folder: 'node_modules/.cache/dependency-cruiser', strategy: 'content' },
  },
};
