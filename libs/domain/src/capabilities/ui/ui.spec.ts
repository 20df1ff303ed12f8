import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { uiActions } from './ui.decider.js';
import { uiActionRows } from './ui.projection.js';

const jobId = '01900000-0000-7000-8000-000000000001';
const asked = (via: 'api' | 'ui') =>
  recorded({
    type: 'DocumentReindexRequested',
    data: { documentId: 'd1', jobId, chunking: { size: 100, overlap: 0 }, via },
  } as const);
const indexed = recorded({
  type: 'DocumentIndexed',
  data: { documentId: 'd1', jobId, chunkCount: 1, embeddingSpace: 'hash/512', reindex: true },
} as const);
const failed = recorded({
  type: 'DocumentFailed',
  data: { documentId: 'd1', jobId, reason: 'no text', code: 'FILE_WITHOUT_TEXT' },
} as const);
const forget = { type: 'ForgetUiAction', data: { actionId: jobId } } as const;
const forgotten = { type: 'UiActionForgotten', data: { actionId: jobId } } as const;

describe('an action of the user interface', () => {
  const accepted = foldRow(uiActionRows, asked('ui'), undefined);

  it('is in the action log from the reindexing that it asked for', () => {
    expect(accepted).toMatchObject({ id: jobId, status: 'accepted', document_id: 'd1', finished_at: null });
  });

  it('ends as the reindexing ends', () => {
    expect(foldRow(uiActionRows, indexed, accepted)).toMatchObject({ status: 'completed', failure_reason: null });
    expect(foldRow(uiActionRows, failed, accepted)).toMatchObject({
      status: 'failed',
      failure_reason: 'no text',
    });
  });

  it('is not made of a reindexing that another door asked for', () => {
    expect(foldRow(uiActionRows, asked('api'), undefined)).toBeUndefined();
    expect(foldRow(uiActionRows, indexed, undefined)).toBeUndefined();
  });

  it('is forgotten once, and gone then', () => {
    specify(uiActions).given().when(forget).then(forgotten);
    specify(uiActions).given(forgotten).when(forget).thenNothing();
    expect(foldRow(uiActionRows, recorded(forgotten), accepted)).toBeUndefined();
  });
});
