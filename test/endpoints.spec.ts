import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { featureKeys } from '#domain/capabilities/plans/features.events.js';

const generated = join(import.meta.dirname, '../docs/generated');
const page = (name: string): string => readFileSync(join(generated, name), 'utf8');

/** The rows of a generated table, each by the heads of its columns. */
function rowsOf(text: string): readonly Readonly<Record<string, string>>[] {
  const lines = text.split('\n').filter((line) => line.startsWith('|'));
  const cells = (line: string): string[] =>
    line
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim().replaceAll('`', ''));
  const [heads, , ...rest] = lines.map(cells);
  return rest.map((row) => Object.fromEntries((heads ?? []).map((head, at) => [head, row[at] ?? ''])));
}

const endpoints = rowsOf(page('endpoints.md')).map((row) => ({
  at: `${row['Verb'] ?? ''} ${row['Path'] ?? ''}`,
  verb: row['Verb'] ?? '',
  path: row['Path'] ?? '',
  role: row['Role'] ?? '',
  feature: row['Feature'] ?? '',
  rate: row['Rate'] ?? '',
  quota: row['Quota'] ?? '',
  audit: row['Audit'] ?? '',
  idempotent: row['Idempotency-Key'] ?? '',
}));
type Row = (typeof endpoints)[number];
const breaking = (rule: (row: Row) => boolean): readonly string[] =>
  endpoints.filter((row) => !rule(row)).map(({ at }) => at);

/** Whoever is not known yet, or never is: probes, the documentation, the way in of identity providers. */
const PUBLIC = /^\/v1\/(?:health|metrics$|docs|openapi\.json$|audio\/|auth\/sso\/|scim\/)/;

/** Where models are asked. */
const ASKS = new Set(['/v1/run', '/v1/chat/completions', '/v1/embeddings']);

/** Where models hear: what they are asked is claimed like a change. */
const HEARS = new Set(['/v1/transcriptions', '/v1/audio/transcriptions']);

/** What only finds, though it is asked by POST. */
const FINDS = new Set(['/v1/search']);

describe('every endpoint', () => {
  it('is on the table', () => {
    expect(endpoints.length).toBeGreaterThan(60);
    expect(new Set(endpoints.map(({ at }) => at)).size).toBe(endpoints.length);
  });

  it('names its least role, and is public only where nobody can be known', () => {
    expect(breaking(({ role }) => ['reader', 'editor', 'admin', 'public'].includes(role))).toEqual([]);
    expect(breaking(({ role, path }) => role !== 'public' || PUBLIC.test(path))).toEqual([]);
  });

  it('is in a rate class, unless it is public', () => {
    expect(
      breaking(({ role, rate }) => role === 'public' || ['run', 'ops', 'mutation', 'read'].includes(rate)),
    ).toEqual([]);
  });

  it('is in the class that the contract gives to its address', () => {
    const classOf = ({ path, verb, rate }: Row): string => {
      if (rate === 'none') return 'none';
      if (ASKS.has(path) || HEARS.has(path)) return 'run';
      if (/^\/v1\/(?:ops\/|audit\/)/.test(path)) return 'ops';
      // Followed for as long as a page is open: it takes from the bucket of operators.
      if (path === '/v1/admin/events/stream' || path.startsWith('/v1/admin/system/')) return 'ops';
      return verb === 'GET' || FINDS.has(path) ? 'read' : 'mutation';
    };
    expect(breaking((row) => row.rate === classOf(row))).toEqual([]);
  });

  it('asks for the feature that the contract gives to its address', () => {
    const gated: readonly (readonly [RegExp, string])[] = [
      [
        /^\/v1\/audit\/|^\/v1\/ui\/(?:dashboard\/summary|activity)$|^\/v1\/admin\/events\/stream$/,
        'feature.audit_access',
      ],
      [
        /^\/v1\/ops\/(?!compliance\/status$)|^\/v1\/admin\/(?:alerts|incidents|notifications|ops)\b/,
        'feature.ops_admin_access',
      ],
      [/^\/v1\/self-serve\/billing\/webhook-test$/, 'feature.billing_webhook_test'],
    ];
    expect(breaking(({ feature }) => feature === '' || (featureKeys as readonly string[]).includes(feature))).toEqual(
      [],
    );
    for (const [address, feature] of gated)
      expect(breaking((row) => !address.test(row.path) || row.feature === feature)).toEqual([]);
  });

  it('names the audit event of what it changes, which is one that the log can hold', () => {
    const types = new Set([...page('events.md').matchAll(/\| `([a-z_]+(?:\.[a-z_]+)+)` \|/g)].map(([, type]) => type));
    expect(types.size).toBeGreaterThan(20);
    expect(
      breaking(({ verb, path, role, audit }) => verb === 'GET' || FINDS.has(path) || role === 'public' || audit !== ''),
    ).toEqual([]);
    expect(breaking(({ audit }) => audit === '' || types.has(audit))).toEqual([]);
  });

  it('honours an Idempotency-Key when it changes something; a run replays its frames instead', () => {
    expect(
      breaking(
        ({ verb, path, role, idempotent }) =>
          verb === 'GET' || role === 'public' || ASKS.has(path) || FINDS.has(path) || idempotent === 'yes',
      ),
    ).toEqual([]);
  });

  it('stays open to a tenant that is over quota or frozen when it is its way out', () => {
    const wayOut =
      /^\/v1\/admin\/(?:quotas|plans|api-keys|keyring|keys|rate-limits|rollouts|ops\/actions)\b|^\/v1\/self-serve\/api-keys|^\/v1\/ops\/failover/;
    expect(breaking(({ path, verb, quota }) => verb === 'GET' || !wayOut.test(path) || quota === 'free')).toEqual([]);
  });
});
