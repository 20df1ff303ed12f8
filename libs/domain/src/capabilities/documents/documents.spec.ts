import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow, type RowOf } from '../../kernel/projection.js';
import type { SubmitDocument } from './document-commands.decider.js';
import { documentErrors, documents, documentSubject } from './documents.decider.js';
import { chunkErrors } from '../../kernel/text/chunker.js';
import type { DocumentEvent } from './documents.events.js';
import { documentRows } from './documents.projection.js';
import { documentReactions } from './documents.reactions.js';

const jobId = '01900000-0000-7000-8000-000000000001';
const otherJob = '01900000-0000-7000-8000-000000000002';
const startedAt = '2026-11-29T08:00:00.000Z';
const content = { id: '01900000-0000-7000-8000-00000000000c', sha256: 'a'.repeat(64), size: 5, keyId: 'k' };
const chunking = { size: 1_200, overlap: 150 };

const submit = (over: Partial<SubmitDocument['data']> = {}): SubmitDocument => ({
  type: 'SubmitDocument',
  data: {
    documentId: 'd1',
    owner: 'ada',
    shared: false,
    corpusId: 'c1',
    filename: 'a.txt',
    contentType: 'text/plain',
    ingestSource: 'raw_text',
    content,
    form: 'text',
    charCount: 5,
    metadata: null,
    metadataKeys: [],
    labels: {},
    chunking,
    overwrite: false,
    ...over,
  },
});
const submitted = {
  type: 'DocumentSubmitted',
  data: { ...submit().data, labels: {}, jobId, replacedContentIds: [] },
} as const satisfies DocumentEvent;
const started: DocumentEvent = { type: 'DocumentProcessingStarted', data: { documentId: 'd1', jobId, startedAt } };
const indexed: DocumentEvent = {
  type: 'DocumentIndexed',
  data: { documentId: 'd1', jobId, chunkCount: 2, embeddingSpace: 'hash-512', reindex: false },
};
const reindexAsked: DocumentEvent = {
  type: 'DocumentReindexRequested',
  data: { documentId: 'd1', jobId: otherJob, chunking, via: 'api' },
};
const complete = (id: string) =>
  ({ type: 'CompleteIndexing', data: { jobId: id, startedAt, chunkCount: 2, embeddingSpace: 'hash-512' } }) as const;

describe('a document', () => {
  const deleted: DocumentEvent = {
    type: 'DocumentDeleted',
    data: { documentId: 'd1', corpusId: 'c1', contentIds: [content.id] },
  };

  it('has another key after its deletion, so that the old one can be destroyed at any time', () => {
    const removed: DocumentEvent = {
      type: 'DocumentDeleted',
      data: { documentId: 'd1', corpusId: 'c1', contentIds: [] },
    };
    const subjectAfter = (...events: DocumentEvent[]): string => {
      const { deletions } = events.reduce(documents.evolve, documents.initial);
      return documentSubject('t1', jobId, deletions).id;
    };
    const first = subjectAfter(submitted, started, indexed);
    const second = subjectAfter(submitted, started, indexed, removed, submitted);
    const third = subjectAfter(submitted, started, indexed, removed, submitted, started, indexed, removed);
    expect(new Set([first, second, third]).size).toBe(3);
    expect(subjectAfter(submitted, started, indexed, reindexAsked)).toBe(first);
  });

  it('is queued under a fresh job id', () => {
    specify(documents).given().when(submit()).then(submitted);
  });

  it('changes nothing when its id is submitted again without overwrite', () => {
    specify(documents).given(submitted, started, indexed).when(submit()).thenNothing();
  });

  it('changes nothing while a job has it, also with overwrite', () => {
    specify(documents)
      .given(submitted, started)
      .when(submit({ overwrite: true }))
      .thenNothing();
  });

  it('is queued again by overwrite once its job ended', () => {
    const again: DocumentEvent = {
      type: 'DocumentSubmitted',
      data: { ...submitted.data, overwrite: true, replacedContentIds: [content.id] },
    };
    specify(documents)
      .given(submitted, started, indexed)
      .when(submit({ overwrite: true }))
      .then(again);
  });

  it('is queued again without overwrite where it failed for reasons that are not its own, with the labels that it has', () => {
    const failed = (code: string): DocumentEvent => ({
      type: 'DocumentFailed',
      data: { documentId: 'd1', jobId, reason: 'It failed', code },
    });
    const { labels: _, ...unlabelled } = submit().data;
    const labelled = { ...submitted, data: { ...submitted.data, labels: { team: 'tea' } } };
    const again = { ...submitted.data, labels: { team: 'tea' }, replacedContentIds: [content.id] };
    specify(documents)
      .given(labelled, started, failed(documentErrors.failedRepeatedly.code))
      .when({ type: 'SubmitDocument', data: unlabelled })
      .then({ type: 'DocumentSubmitted', data: again });
    specify(documents)
      .given(labelled, started, failed('FILE_BROKEN'))
      .when({ type: 'SubmitDocument', data: unlabelled })
      .thenNothing();
  });

  it('stays in its corpus', () => {
    specify(documents)
      .given(submitted)
      .when(submit({ corpusId: 'c2' }))
      .refuses(documentErrors.otherCorpus);
  });

  it('is refused a chunking that could not end', () => {
    specify(documents)
      .given()
      .when(submit({ chunking: { size: 10, overlap: 10 } }))
      .refuses(chunkErrors.settingsInvalid);
  });

  it('is neither deleted nor reindexed while a job has it', () => {
    const inFlight = specify(documents).given(submitted);
    inFlight.when({ type: 'DeleteDocument', data: {} }).refuses(documentErrors.inProgress);
    inFlight.when({ type: 'DeleteDocument', data: { evenInProgress: true } }).then(deleted);
    inFlight.when({ type: 'ReindexDocument', data: { chunking } }).refuses(documentErrors.inProgress);
  });

  it('is not completed by a job that is not its newest', () => {
    specify(documents).given(submitted, started, indexed, reindexAsked).when(complete(jobId)).thenNothing();
  });

  it('completes once, however often its job runs', () => {
    specify(documents).given(submitted, started).when(complete(jobId)).then(indexed);
    specify(documents).given(submitted, started, indexed).when(complete(jobId)).thenNothing();
  });

  it('tells of its start with its end where nobody told of it before', () => {
    const fail = { type: 'FailIngestion', data: { jobId, startedAt, reason: 'Broken', code: 'FILE_BROKEN' } } as const;
    const failed: DocumentEvent = {
      type: 'DocumentFailed',
      data: { documentId: 'd1', jobId, reason: 'Broken', code: 'FILE_BROKEN' },
    };
    specify(documents).given(submitted).when(complete(jobId)).then(started, indexed);
    specify(documents).given(submitted).when(fail).then(started, failed);
    specify(documents).given(submitted, started).when(fail).then(failed);
  });

  it('shows when its job began, and of older events when they were told', () => {
    type Row = RowOf<typeof documentRows.columns>;
    const rowAfter = (start: DocumentEvent): Row | undefined =>
      [submitted, start].reduce<Row | undefined>(
        (old, event) => foldRow(documentRows, recorded(event, { stream: 'documents-t1.x' }), old),
        undefined,
      );
    expect(rowAfter(started)?.processing_started_at).toBe(startedAt);
    const old: DocumentEvent = { ...started, data: { documentId: 'd1', jobId, startedAt: null } };
    expect(rowAfter(old)?.processing_started_at).toBe(recorded(old).occurredAt);
  });

  it('can be submitted anew after it was deleted', () => {
    specify(documents).given(submitted, started, indexed).when({ type: 'DeleteDocument', data: {} }).then(deleted);
    specify(documents).given(submitted, started, indexed, deleted).when(submit()).then(submitted);
  });

  it('keeps answering with its old chunks while it is reindexed', () => {
    type Row = RowOf<typeof documentRows.columns>;
    const history = [submitted, started, indexed, reindexAsked];
    const row = history.reduce<Row | undefined>(
      (old, event) => foldRow(documentRows, recorded(event, { stream: 'documents-t1.x' }), old),
      undefined,
    );
    expect(row).toMatchObject({ status: 'queued', index_version: jobId, last_job_id: otherJob, num_chunks: 2 });
  });

  it.each([
    ['documents.ingest-short-text', { form: 'text', charCount: 16_384 }],
    ['documents.ingest', { form: 'text', charCount: 16_385 }],
    ['documents.ingest', { form: 'file', charCount: 10 }],
  ])('asks for a job of %s once %j is submitted', (job, source) => {
    const event = { ...submitted, data: { ...submitted.data, ...source } };
    expect(documentReactions.on.DocumentSubmitted?.(recorded(event as never, { stream: 'documents-t1.x' }))).toEqual([
      { kind: 'job', job, data: { tenantId: 't1', documentId: 'x', jobId } },
    ]);
  });
});
