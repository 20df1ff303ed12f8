import { inspect } from 'node:util';

import { loadConfig } from './config.js';
import { ConfigError } from './define-config.js';
import { renderConfigurationPage, renderEnvExample } from './render.js';
import { Secret } from './secret.js';

const files = (contents: Record<string, string>) => (path: string) => contents[path];
const load = (env: Record<string, string>, contents: Record<string, string> = {}) =>
  loadConfig({ env, readFile: files(contents) });

function problemsOf(env: Record<string, string>, contents: Record<string, string> = {}): readonly string[] {
  try {
    load(env, contents);
  } catch (error) {
    if (error instanceof ConfigError) return error.problems;
    throw error;
  }
  return [];
}

describe('the configuration', () => {
  it('is complete with nothing set', () => {
    const config = load({});
    expect(config.http.PORT).toBe(8000);
    expect(config.http.HOST).toBe('127.0.0.1');
    expect(config.data.DATABASE_URL).toBeUndefined();
    expect(config.llm.LLM_FALLBACK).toBe('extractive');
  });

  it('lists every problem at once', () => {
    const problems = problemsOf({
      PORT: '70000',
      RUN_MAX_CONCURRENCY: 'many',
      LEGACY_ROUTES: 'maybe',
      AUTH_ENABLED: 'si',
    });
    expect(problems).toHaveLength(4);
    expect(problems.join('\n')).toContain('PORT is 70000, outside 0 to 65535');
  });

  it('takes a blank variable for an absent one and ignores unknown ones', () => {
    expect(load({ PORT: ' ', SOMETHING_ELSE: 'x' }).http.PORT).toBe(8000);
  });

  it('reads a secret from the file that NAME_FILE names', () => {
    const config = load({ DATABASE_URL_FILE: '/etc/db' }, { '/etc/db': 'postgres://u:p@h/db\n' });
    expect(config.data.DATABASE_URL?.reveal()).toBe('postgres://u:p@h/db');
  });

  it('reads a mounted secret by its name in lower case', () => {
    const config = load({}, { '/run/secrets/metrics_token': 'a-token-of-some-length' });
    expect(config.telemetry.METRICS_TOKEN?.reveal()).toBe('a-token-of-some-length');
  });

  it('refuses a secret that is given twice, and a file that is not there', () => {
    expect(problemsOf({ REDIS_URL: 'redis://a', REDIS_URL_FILE: '/x' })).toEqual([
      'REDIS_URL and REDIS_URL_FILE are both set; keep one',
    ]);
    expect(problemsOf({ REDIS_URL_FILE: '/x' })).toEqual(['REDIS_URL_FILE names a file that is missing or empty']);
  });

  it('never names a secret in a problem', () => {
    const problems = problemsOf({ DATABASE_URL: 'mysql://u:hunter2@h', METRICS_TOKEN: 'short-hunter2' });
    expect(problems).toHaveLength(2);
    expect(problems.join()).not.toContain('hunter2');
  });

  it('refuses an event store without a database for the read models', () => {
    expect(problemsOf({ EVENTSTORE_URL: 'esdb://localhost:2113' })).toHaveLength(1);
  });

  it('refuses to let anybody in by the bypass in production', () => {
    const bypass = { AUTH_DEV_BYPASS: 'true' };
    expect(problemsOf({ ...bypass, NODE_ENV: 'production' })).toEqual([
      'AUTH_DEV_BYPASS lets anybody in and must not be on with NODE_ENV=production',
    ]);
    expect(problemsOf({ ...bypass, NODE_ENV: 'development' })).toEqual([]);
    expect(problemsOf({ NODE_ENV: 'production' })).toEqual([]);
  });

  it('documents each variable once in both generated texts', () => {
    expect(renderEnvExample().match(/^#PORT=8000$/gm)).toHaveLength(1);
    expect(renderConfigurationPage()).toContain('| `PORT` | integer | `8000` | 0 to 65535 |');
  });
});

describe('a secret', () => {
  it('prints as *** in text, JSON and inspect', () => {
    const secret = new Secret('hunter2');
    const deep = JSON.stringify({ a: [secret] }) + inspect({ a: [secret] }, { depth: 9 });
    expect(deep + String(secret)).not.toContain('hunter2');
    expect(secret.reveal()).toBe('hunter2');
  });
});
