import { authorizationArea } from './authorization.js';
import { readFileSync } from 'node:fs';

import { billingArea, billingProblems, externalArea, usageArea } from './external-areas.js';
import { ingestArea } from './ingest-area.js';
import { operationsArea, uiArea } from './console.js';
import { ConfigError, defineConfig, readConfig, type ConfigOfAreas, type ConfigSource } from './define-config.js';
import { httpArea, keyringArea } from './edge.js';
import { llmArea, llmProblems, runArea } from './models.js';
import { rolloutArea } from './operations.js';
import { embeddingArea, embeddingProblems, providersArea } from './providers.js';
import { retrievalArea, retrievalProblems } from './retrieval.js';
import { speechArea } from './speech.js';
import { boolean, decimal, int, oneOf, secret, secretUrl, string, url } from './fields.js';

const POSTGRES = ['postgres://', 'postgresql://'];
const HTTP = ['http://', 'https://'];

const MOST_RPS = 1_000_000;
const rps = (whose: string, what: string, byDefault: number) =>
  decimal(`Tokens a second for ${what} of one ${whose}; 0 never refills.`, { default: byDefault, max: MOST_RPS });
const burst = (whose: string, what: string, byDefault: number) =>
  int(`Most tokens at once for ${what} of one ${whose}.`, { default: byDefault, min: 0, max: MOST_RPS });

/** Every area of the configuration. A variable stands here only when something reads it. */
export const configAreas = {
  http: httpArea,
  keyring: keyringArea,
  data: defineConfig('data', 'Where state is kept. With nothing set all of it is in DATA_DIR.', {
    DATA_DIR: string('The folder of the embedded engine, its keys and its signed heads.', 'var/data'),
    DATABASE_URL: secretUrl('A Postgres server (15 or later, with pgvector) instead of the embedded engine.', POSTGRES),
    KEYS_DATABASE_URL: secretUrl('The store of subject keys; it must be left out of backups of the rest.', POSTGRES),
    REDIS_URL: secretUrl('Shared state (buckets, locks, messages) for more than one process.', [
      'redis://',
      'rediss://',
    ]),
    EVENTSTORE_URL: secretUrl('An EventStoreDB cluster to hold the event log.', [
      'esdb://',
      'esdb+discover://',
      'kurrentdb://',
      'kurrentdb+discover://',
    ]),
    API_DB_POOL_SIZE: int('Connections that one process holds to the database server.', {
      default: 20,
      min: 1,
      max: 500,
    }),
    API_DB_BUSY_CONNECTIONS: int(
      'Those of the connections that short work shares; more are used only beside statements that take longer than 20 ms.',
      { default: 5, min: 1, max: 500 },
    ),
    API_DB_STATEMENT_TIMEOUT_MS: int('The longest a statement may run.', {
      default: 15_000,
      min: 100,
      max: 600_000,
      unit: 'ms',
    }),
  }),
  crypto: defineConfig('crypto', 'Keys. In embedded mode those that are not set are generated into DATA_DIR.', {
    CRYPTO_LOCAL_MASTER_KEY: secret('Wraps the subject keys: 32 bytes in base64 or hex.', { minLength: 32 }),
    CRYPTO_ACCEPT_LOST_KEYS: boolean(
      'Starts although keys are gone that were never destroyed; what they sealed stays unreadable.',
      false,
    ),
    LEDGER_SIGNING_KEY: secret('Signs ledger checkpoints: an Ed25519 seed of 32 bytes in base64 or hex.', {
      minLength: 32,
    }),
    LEDGER_DIR: string(
      'Where the signing key (unless it is set) and the last signed head are kept; `ledger` in DATA_DIR by default. Several projectors without KEYS_DATABASE_URL must share it.',
    ),
  }),
  auth: defineConfig('auth', 'How callers prove who they are.', {
    AUTH_ENABLED: boolean('Whether API keys are accepted; when false every call is 401 unless the bypass is on.', true),
    AUTH_DEV_BYPASS: boolean('Accepts X-Tenant-Id and X-Role in place of a key; for development only.', false),
    AUTH_API_KEY_HEADER: string('The header that carries `Bearer <key>`.', 'Authorization'),
    AUTH_API_KEY_INACTIVE_ENFORCED: boolean('Whether a key that was not used for too long is refused.', true),
    AUTH_API_KEY_INACTIVE_DAYS: int('Days without use after which a key is refused, and reported as inactive.', {
      default: 90,
      min: 1,
      max: 3_650,
      unit: 'days',
    }),
    AUTH_FAILURE_RPS: decimal('Failed attempts a second that one address may make; more are answered with 429.', {
      default: 1,
      max: MOST_RPS,
    }),
    AUTH_FAILURE_BURST: int('Most failed attempts of one address at once.', { default: 20, min: 1, max: MOST_RPS }),
    AUTH_KEY_PEPPER: secret('Keys are hashed under this too, so that a stolen table alone tells nothing about them.', {
      minLength: 32,
    }),
    AUTH_KEY_PEPPER_PREVIOUS: secret(
      'The pepper before this one: its keys still work, and are hashed anew when they are used.',
      { minLength: 32 },
    ),
    SELF_SERVE_MAX_ACTIVE_KEYS: int('Active keys of one tenant above which its admins can make no more.', {
      default: 20,
      min: 1,
      max: 10_000,
    }),
    NODE_ENV: string('`production` refuses to start with AUTH_DEV_BYPASS.'),
    ADMIN_TOKEN: secret(
      'The bearer token of whoever watches: opens system health and the event stream, nothing else.',
      {
        minLength: 16,
      },
    ),
    OPERATOR_TENANT_ID: string('The tenant whose admins may change what concerns all tenants.', 't1'),
    TENANT_SELF_ADMINISTRATION: oneOf(
      'Whether the admins of a tenant may change its plan, its features and its quotas, or only platform operators may.',
      ['allow', 'operator_only'],
      'allow',
    ),
  }),
  authorization: authorizationArea,
  rateLimit: defineConfig('rate limit', 'How many requests a key and a tenant may make.', {
    RATE_LIMIT_ENABLED: boolean('Whether requests are limited; quotas are another matter.', true),
    RL_FAIL_MODE: oneOf(
      'While Redis is down: each process limits alone, or refuses what it cannot count.',
      ['open', 'closed'],
      'open',
    ),
    RL_REDIS_PREFIX: string('Before every key of buckets and quota counters in Redis.', 'nexusrag:rl'),
    RL_KEY_RUN_RPS: rps('key', 'runs, which cost 3', 1),
    RL_KEY_RUN_BURST: burst('key', 'runs, which cost 3', 5),
    RL_KEY_MUTATION_RPS: rps('key', 'changes', 2),
    RL_KEY_MUTATION_BURST: burst('key', 'changes', 10),
    RL_KEY_READ_RPS: rps('key', 'reads', 5),
    RL_KEY_READ_BURST: burst('key', 'reads', 20),
    RL_KEY_OPS_RPS: rps('key', 'operations', 2),
    RL_KEY_OPS_BURST: burst('key', 'operations', 10),
    RL_TENANT_RUN_RPS: rps('tenant', 'runs, which cost 3', 3),
    RL_TENANT_RUN_BURST: burst('tenant', 'runs, which cost 3', 15),
    RL_TENANT_MUTATION_RPS: rps('tenant', 'changes', 5),
    RL_TENANT_MUTATION_BURST: burst('tenant', 'changes', 25),
    RL_TENANT_READ_RPS: rps('tenant', 'reads', 15),
    RL_TENANT_READ_BURST: burst('tenant', 'reads', 60),
    RL_TENANT_OPS_RPS: rps('tenant', 'operations', 4),
    RL_TENANT_OPS_BURST: burst('tenant', 'operations', 20),
  }),
  run: runArea,
  llm: llmArea,
  rollouts: rolloutArea,
  ingest: ingestArea,
  idempotency: defineConfig('idempotency', 'How repeated requests are recognised.', {
    IDEMPOTENCY_ENABLED: boolean('Whether Idempotency-Key is honoured.', true),
    IDEMPOTENCY_TTL_HOURS: int('How long an answer is kept for replay.', {
      default: 24,
      min: 1,
      max: 8_760,
      unit: 'h',
    }),
  }),
  ui: uiArea,
  operations: operationsArea,
  audit: defineConfig('audit', 'What is recorded of who came and who was refused.', {
    AUDIT_RETENTION_DAYS: int(
      'How long is kept who came, who was refused and who looked; what changed is kept for ever.',
      {
        default: 90,
        min: 1,
        max: 36_500,
        unit: 'days',
      },
    ),
    AUDIT_REPEAT_WINDOW_SECONDS: int('How long refusals of one kind from one address are one event with a count.', {
      default: 60,
      min: 1,
      max: 3_600,
      unit: 's',
    }),
  }),
  billing: billingArea,
  usage: usageArea,
  external: externalArea,
  providers: providersArea,
  embedding: embeddingArea,
  speech: speechArea,
  retrieval: retrievalArea,
  telemetry: defineConfig('telemetry', 'What the processes tell about themselves.', {
    LOG_LEVEL: oneOf(
      'The least severe line that is written.',
      ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
      'info',
    ),
    METRICS_TOKEN: secret('The bearer token for /v1/metrics; without it only this machine may read them.', {
      minLength: 16,
    }),
    OTEL_EXPORTER_OTLP_ENDPOINT: url('The OTLP/HTTP collector for traces; without it none are made.', HTTP),
    OTEL_SERVICE_NAME: string('The name that traces carry.', 'nexusrag'),
  }),
} as const;

export type Config = ConfigOfAreas<typeof configAreas>;

function readFileIfAny(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}

function notOrigins(origins: readonly string[]): string[] {
  const wrong = origins.filter((origin) => !URL.canParse(origin) || new URL(origin).origin !== origin);
  return wrong.map(
    (origin) =>
      `CORS_ALLOW_ORIGINS holds ${JSON.stringify(origin)}, which is not an origin such as https://app.example.com`,
  );
}

/** Rules that concern more than one variable. */
function contradictions(config: Config): string[] {
  const problems: string[] = [];
  if (config.data.EVENTSTORE_URL !== undefined && config.data.DATABASE_URL === undefined)
    problems.push('EVENTSTORE_URL needs DATABASE_URL, which holds the read models');
  if (!/^[a-z0-9_]{1,64}$/.test(config.auth.OPERATOR_TENANT_ID))
    problems.push('OPERATOR_TENANT_ID may hold up to 64 lower-case letters, digits and underscores');
  if (config.auth.AUTH_DEV_BYPASS && config.auth.NODE_ENV?.toLowerCase() === 'production')
    problems.push('AUTH_DEV_BYPASS lets anybody in and must not be on with NODE_ENV=production');
  problems.push(...notOrigins(config.http.CORS_ALLOW_ORIGINS));
  if (!/^[A-Za-z0-9-]{1,64}$/.test(config.auth.AUTH_API_KEY_HEADER))
    problems.push('AUTH_API_KEY_HEADER is not the name of a header');
  problems.push(...billingProblems(config.billing), ...embeddingProblems(config.embedding), ...llmProblems(config.llm));
  problems.push(...retrievalProblems(config.retrieval));
  return problems;
}

/**
 * Reads and checks the whole configuration once, before anything starts. Throws ConfigError, which lists every problem.
 * `source` replaces the process's environment and files in tests.
 */
export function loadConfig(source: Partial<ConfigSource> = {}): Config {
  const config = readConfig(configAreas, {
    env: source.env ?? process.env,
    readFile: source.readFile ?? readFileIfAny,
    secretsFolder: source.secretsFolder ?? '/run/secrets',
  });
  const problems = contradictions(config);
  if (problems.length > 0) throw new ConfigError(problems);
  return config;
}
