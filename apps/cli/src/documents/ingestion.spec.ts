import { hash } from 'node:crypto';
import type { Client } from '../client.js';
import { Ingestion } from './ingestion.js';

const before = hash('sha256', 'before', 'hex');
const document = { documentId: 'd', origin: 'file:1', filename: 'file', text: 'after', metadata: {} };

async function* documents() {
  yield document;
}

/** A server that gives these states one after the other, and takes what is handed in with this status. */
function ingestion(states: readonly (readonly unknown[])[], status: number) {
  const left = [...states];
  const calls: unknown[] = [];
  const client = {
    call: async (...call: unknown[]) => {
      calls.push(call[2]);
      return { status, data: null };
    },
    operation: async function* () {
      yield [left.shift()];
    },
  };
  const options = { tenantId: 't', corpusId: 'c', concurrency: 1, wait: true, patienceMs: 1_000 };
  const session = { live: true, client: () => client as unknown as Client };
  return { left, calls, run: () => new Ingestion(session, { ...options, overwrite: 'changed' }).run(documents()) };
}

describe('an ingestion of what has changed', () => {
  it('waits for the new text, also while the read model still shows how the old one ended', async () => {
    const old = ['d', 'succeeded', 'c', null, 'job-1', before];
    const states = [
      old,
      old,
      ['d', 'processing', 'c', null, 'job-2', null],
      ['d', 'succeeded', 'c', null, 'job-2', null],
    ];
    const { left, calls, run } = ingestion(states, 202);
    expect(await run()).toMatchObject({ submitted: 1, changed: 1, known: 0, succeeded: 1, open: 0 });
    expect(left).toEqual([]);
    expect(calls).toEqual([expect.objectContaining({ text: 'after', overwrite: true })]);
  });

  it('hands in nothing of a text that is the same, unless it failed', async () => {
    const after = hash('sha256', 'after', 'hex');
    const same = ingestion([['d', 'succeeded', 'c', null, 'job-1', after]], 202);
    expect(await same.run()).toMatchObject({ submitted: 0, known: 1, succeeded: 1 });
    expect(same.calls).toEqual([]);
    const states = [
      ['d', 'failed', 'c', 'no luck', 'job-1', after],
      ['d', 'succeeded', 'c', null, 'job-2', null],
    ];
    expect(await ingestion(states, 202).run()).toMatchObject({ submitted: 1, succeeded: 1, failed: 0 });
  });

  it('says so when another text of the document is being ingested still', async () => {
    const report = await ingestion([['d', 'processing', 'c', null, 'job-1', before]], 200).run();
    expect(report).toMatchObject({ submitted: 0, changed: 0, failed: 1, open: 0 });
    expect(report.failures[0]?.reason).toContain('another text of it is being ingested');
  });
});
