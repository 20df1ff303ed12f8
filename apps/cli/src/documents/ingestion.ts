import { hash, randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { ServerRefused } from '../client.js';
import { oneOf } from '../output.js';
import { GaveUp, patiently, type Patience } from '../patience.js';
import type { Session } from '../session.js';
import type { SourceDocument, Unreadable } from './sources.js';

export interface IngestionOptions {
  readonly tenantId: string;
  readonly corpusId: string;
  /** Whether known documents are ingested anew; `changed`: those whose text is another, and those that failed. */
  readonly overwrite: boolean | 'changed';
  readonly concurrency: number;
  /** Whether to stay until every document has succeeded or failed. */
  readonly wait: boolean;
  readonly patienceMs: number;
  readonly onProgress?: (counts: Counts) => void;
  readonly onAway?: (away: boolean) => void;
}

export interface Counts {
  /** New to the server, or ingested anew. */
  submitted: number;
  /** Known before; nothing was sent again. */
  known: number;
  /** Of those that were submitted: known before, and ingested anew for their text. */
  changed: number;
  succeeded: number;
  failed: number;
  /** Empty files; left out. */
  empty: number;
}

export interface Failure {
  readonly origin: string;
  readonly document_id: string | null;
  readonly reason: string;
}

export interface IngestionReport extends Counts {
  readonly failures: readonly Failure[];
  /** Not yet succeeded or failed when this ended. */
  readonly open: number;
  /** Why it ended early, or null. */
  readonly gaveUp: string | null;
}

type State = readonly [
  documentId: string,
  status: string,
  corpusId: string,
  failureReason: string | null,
  jobId: string,
  digest: string | null,
];

/** A document that is waited for. */
interface Awaited {
  readonly origin: string;
  /** Its job before this submission, which the read model may still show. */
  readonly jobBefore: string | undefined;
}

const LOOKUP = 200;
const POLL = 500;
const POLL_MS = 250;

/** Hands documents in over several calls at once, and follows them to their end. Survives the server's restarts. */
export class Ingestion {
  private readonly counts: Counts = { submitted: 0, known: 0, changed: 0, succeeded: 0, failed: 0, empty: 0 };
  private readonly failures: Failure[] = [];
  /** Accepted documents that have neither succeeded nor failed. */
  private readonly open = new Map<string, Awaited>();
  private readonly patience: Patience;
  private away = 0;
  private submitting = true;
  private stopped = false;

  constructor(
    private readonly session: Session,
    private readonly options: IngestionOptions,
  ) {
    this.patience = {
      ms: options.patienceMs,
      tenantId: options.tenantId,
      onAway: (away) => this.noteAway(away),
    };
  }

  async run(documents: AsyncIterable<SourceDocument | Unreadable>): Promise<IngestionReport> {
    let gaveUp: string | null = null;
    const following = this.options.wait ? this.follow() : Promise.resolve();
    // Both end alike when the server stays away; the first to say so is heard below.
    following.catch(() => undefined);
    try {
      await this.submitAll(documents);
      this.submitting = false;
      await following;
    } catch (error) {
      if (!(error instanceof GaveUp)) throw error;
      gaveUp = error.message;
    } finally {
      this.submitting = false;
      this.stopped = true;
    }
    return { ...this.counts, failures: this.failures, open: this.open.size, gaveUp };
  }

  private async submitAll(documents: AsyncIterable<SourceDocument | Unreadable>): Promise<void> {
    let batch: SourceDocument[] = [];
    for await (const document of documents) {
      if ('problem' in document) {
        if (document.problem === null) this.counts.empty += 1;
        else this.fail(document.origin, null, document.problem);
        continue;
      }
      batch.push(document);
      if (batch.length < LOOKUP) continue;
      await this.submitBatch(batch);
      batch = [];
    }
    if (batch.length > 0) await this.submitBatch(batch);
  }

  private async submitBatch(batch: readonly SourceDocument[]): Promise<void> {
    const { overwrite } = this.options;
    const states = await this.statesOf(batch, overwrite === 'changed');
    const known = new Map(states.map((state) => [state[0], state]));
    const queue = batch.filter((document) => {
      const state = known.get(document.documentId);
      if (state === undefined || overwrite === true || this.isChanged(document, state)) return true;
      this.skip(document, state);
      return false;
    });
    this.tell();
    const worker = async (): Promise<void> => {
      for (let next = queue.shift(); next !== undefined; next = queue.shift()) {
        await this.submit(next, known.get(next.documentId));
      }
    };
    await Promise.all(Array.from({ length: this.options.concurrency }, worker));
  }

  private async statesOf(
    documents: readonly { readonly documentId: string }[],
    digests = false,
  ): Promise<readonly State[]> {
    const args = { tenant: this.options.tenantId, ids: documents.map(({ documentId }) => documentId), digests };
    return patiently(this.session, this.patience, (client) =>
      oneOf(client.operation<readonly State[]>('documents.states', args)),
    );
  }

  private isChanged(document: SourceDocument, [, status, corpusId, , , digest]: State): boolean {
    if (this.options.overwrite !== 'changed' || corpusId !== this.options.corpusId) return false;
    return status === 'failed' || ('text' in document && hash('sha256', document.text, 'hex') !== digest);
  }

  private skip({ documentId, origin }: SourceDocument, state: State): void {
    const [, , corpusId] = state;
    if (corpusId !== this.options.corpusId) {
      this.fail(origin, documentId, `the document belongs to corpus ${corpusId}`);
      return;
    }
    this.counts.known += 1;
    this.settle(state, { origin, jobBefore: undefined });
  }

  private async submit(document: SourceDocument, state: State | undefined): Promise<void> {
    const { documentId, origin } = document;
    const anew = this.options.overwrite === true || state !== undefined;
    // An answer that was lost must not make a second ingestion of it; without `overwrite` the id alone sees to that.
    const headers: Record<string, string> = anew ? { 'idempotency-key': randomUUID() } : {};
    let attempts = 0;
    try {
      const [path, body] = await this.requestOf(document, anew);
      const { status } = await patiently(this.session, this.patience, (client, attempt) => {
        attempts = attempt;
        return client.call('POST', path, body, headers);
      });
      const jobBefore = status === 202 ? state?.[4] : undefined;
      if (this.count(status === 202 || attempts > 0, anew)) this.open.set(documentId, { origin, jobBefore });
      else this.fail(origin, documentId, 'another text of it is being ingested; run the same command again');
    } catch (error) {
      if (error instanceof ServerRefused)
        this.fail(origin, documentId, `${error.code}: ${error.message}${reasonIn(error.details)}`);
      else if (error instanceof Unread) this.fail(origin, documentId, error.message);
      else throw error;
    }
    this.tell();
  }

  /** False when a changed text was not taken. */
  private count(queued: boolean, anew: boolean): boolean {
    const changed = anew && this.options.overwrite === 'changed';
    if (changed && !queued) return false;
    this.counts[queued ? 'submitted' : 'known'] += 1;
    if (changed) this.counts.changed += 1;
    return true;
  }

  private async requestOf(
    document: SourceDocument,
    overwrite: boolean,
  ): Promise<readonly [path: string, body: object]> {
    const { corpusId } = this.options;
    if ('text' in document) {
      const { documentId: document_id, filename, text, metadata: metadata_json } = document;
      // A collection is kept whole, also its records without a word.
      const body = { corpus_id: corpusId, document_id, filename, text, metadata_json, overwrite, allow_empty: true };
      return ['/v1/documents/text', body];
    }
    const form = new FormData();
    form.set('corpus_id', corpusId);
    form.set('document_id', document.documentId);
    form.set('overwrite', String(overwrite));
    const { path, contentType: type, filename } = document;
    const bytes = await readFile(path).catch((error: unknown) => {
      throw new Unread(error instanceof Error ? error.message : String(error), { cause: error });
    });
    form.set('file', new Blob([bytes], { type }), filename);
    return ['/v1/documents', form];
  }

  /** Asks how the accepted documents stand until all are done. */
  private async follow(): Promise<void> {
    while (!this.stopped && (this.submitting || this.open.size > 0)) {
      await delay(POLL_MS);
      const ids = [...this.open.keys()];
      for (let at = 0; at < ids.length && !this.stopped; at += POLL) {
        const part = ids.slice(at, at + POLL).map((documentId) => ({ documentId }));
        for (const state of await this.statesOf(part)) {
          const awaited = this.open.get(state[0]);
          if (awaited !== undefined && awaited.jobBefore !== state[4]) this.settle(state, awaited);
        }
      }
      this.tell();
    }
  }

  private settle([documentId, status, , reason]: State, awaited: Awaited): void {
    if (status === 'succeeded') this.counts.succeeded += 1;
    else if (status === 'failed') this.fail(awaited.origin, documentId, reason ?? 'the ingestion failed');
    else {
      this.open.set(documentId, awaited);
      return;
    }
    this.open.delete(documentId);
  }

  private fail(origin: string, documentId: string | null, reason: string): void {
    this.counts.failed += 1;
    this.failures.push({ origin, document_id: documentId, reason });
  }

  private tell(): void {
    this.options.onProgress?.({ ...this.counts });
  }

  /** Many calls lose the server at once; it is told once. */
  private noteAway(away: boolean): void {
    const before = this.away;
    this.away = Math.max(0, before + (away ? 1 : -1));
    if ((before === 0) !== (this.away === 0)) this.options.onAway?.(away);
  }
}

/** A file that cannot be read. */
class Unread extends Error {}

function reasonIn(details: unknown): string {
  if (typeof details !== 'object' || details === null) return '';
  return ` ${JSON.stringify(details)}`;
}
