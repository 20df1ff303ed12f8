import { aDocument, type TestTenant } from '#test/support/server.js';
import type { Operation } from './operations.js';
import type { FormFile } from './request.js';
import { fieldsAskedFor } from './samples.js';
import { signedQueryOf, type Things } from './things.js';

type Make = (of: Things) => unknown;

/** What must stand in a field, by its name, wherever a body or a query requires it. */
const fields: Readonly<Record<string, Make>> = {
  corpus_id: () => 'c1',
  document_id: ({ tenant }) => aDocument(tenant, 'A kettle boils water for tea.'),
  feature_key: () => 'feature.tts',
  message: () => 'What boils water?',
  query: () => 'What boils water?',
  plan_id: () => 'enterprise',
  purpose: () => 'signing',
  tenant_id: ({ tenant }) => tenant.tenantId,
};

/** What a scraper must say to read the metrics from another machine. */
export const METRICS_TOKEN = 'a-token-of-a-scraper';

const SPEECH: FormFile = { name: 'speech.wav', type: 'audio/wav', bytes: 'RIFF....WAVE What boils water?' };

interface Whole {
  readonly query?: Readonly<Record<string, unknown>>;
  readonly body?: unknown;
  readonly headers?: readonly (readonly [string, string])[];
  /** What a form holds in place of a text. */
  readonly file?: FormFile;
  /** Who must ask, where not every tenant may at any time. */
  readonly by?: TestTenant;
}

/** What the schema of an operation can not say; a whole body stands in place of a made one. */
const wholes: Readonly<Record<string, (of: Things, operation: Operation) => Whole | Promise<Whole>>> = {
  'GET /v1/audio/:audioId.mp3': async (of, operation) => ({
    query: signedQueryOf(await of.idFor(operation, 'audioId')),
  }),
  'PATCH /v1/admin/rollouts/killswitches': () => ({ body: { kill_switches: { 'kill.tts': false } } }),
  'PATCH /v1/admin/rollouts/canary': () => ({ body: { canary_percentages: { 'rollout.tts': 100 } } }),
  // What a tenant of the tests may use must be enough for all of them.
  'PATCH /v1/admin/quotas/:tenantId': () => ({ body: { daily_requests_limit: 1_000_000 } }),
  // A frozen server would refuse all that other tests ask of it.
  'POST /v1/admin/maintenance/write-freeze': () => ({ body: { frozen: false } }),
  'POST /v1/self-serve/plan/upgrade-request': async (of) => ({ by: await of.newcomer() }),
  'POST /v1/chat/completions': () => ({
    body: { model: 'c1', messages: [{ role: 'user', content: 'What boils water?' }] },
  }),
  'POST /v1/embeddings': () => ({ body: { model: 'hashing-v1', input: ['A kettle boils water for tea.'] } }),
  'POST /v1/run': () => ({ body: { session_id: 's1', corpus_id: 'c1', message: 'What boils water?' } }),
  'POST /v1/transcriptions': () => ({ file: SPEECH }),
  'POST /v1/audio/transcriptions': () => ({ file: SPEECH, body: { model: 'fake-stt-v1' } }),
  'GET /v1/metrics': () => ({ headers: [['authorization', `Bearer ${METRICS_TOKEN}`]] }),
  'PUT /v1/admin/rate-limits/:tenantId': () => ({
    body: { limits: [{ scope: 'api_key', route_class: 'run', rps: 400_000, burst: 400_000 }] },
  }),
  'GET /v1/audit/consistency': () => ({ query: { from: 1 } }),
  'POST /v1/operator/:operation': ({ tenant }) => ({ body: { args: { tenant: tenant.tenantId } } }),
};

export interface Inputs extends Whole {
  readonly fields: Readonly<Record<string, unknown>>;
}

/** Real values for what a request of this operation must name. */
export async function inputs(operation: Operation, of: Things): Promise<Inputs> {
  const schema = operation.form ?? operation.body;
  const asked = new Set([
    ...(schema === undefined ? [] : fieldsAskedFor(schema)),
    ...operation.query.filter(({ required }) => required).map(({ name }) => name),
  ]);
  const made = Object.entries(fields).filter(([name]) => asked.has(name));
  const values = await Promise.all(made.map(async ([name, make]) => [name, await make(of)] as const));
  const whole = wholes[operation.title];
  return { fields: Object.fromEntries(values), ...(await whole?.(of, operation)) };
}
