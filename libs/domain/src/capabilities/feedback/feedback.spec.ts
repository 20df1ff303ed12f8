import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { feedback, feedbackErrors } from './feedback.decider.js';
import type { FeedbackEvent } from './feedback.events.js';
import { feedbackRows, type FeedbackRow } from './feedback.projection.js';

const feedbackId = '01900000-0000-7000-8000-0000000000fb';
const runId = '01900000-0000-7000-8000-00000000000a';
const said = (rating: 'up' | 'down', tags: readonly string[] = []) => ({
  ...{ feedbackId, runId, session: 'x1', corpusId: 'c1', userId: 'ada', comment: null },
  rating,
  tags,
});
const given = (rating: 'up' | 'down', tags?: readonly string[]): FeedbackEvent => ({
  type: 'FeedbackGiven',
  data: said(rating, tags),
});
const give = (rating: 'up' | 'down', tags?: readonly string[]) =>
  ({ type: 'GiveFeedback', data: said(rating, tags) }) as const;
const remove = { type: 'RemoveFeedback', data: {} } as const;
const removed: FeedbackEvent = { type: 'FeedbackRemoved', data: { feedbackId, runId, userId: 'ada' } };

describe('feedback on an answer', () => {
  it('is what its user said last, and the same again is nothing new', () => {
    specify(feedback).given().when(give('up')).then(given('up'));
    specify(feedback).given(given('up')).when(give('up')).thenNothing();
    specify(feedback).given(given('up')).when(give('down')).then(given('down'));
    specify(feedback)
      .given(given('up'))
      .when(give('up', ['wrong-source']))
      .then(given('up', ['wrong-source']));
  });

  it('is taken back once', () => {
    specify(feedback).given(given('up')).when(remove).then(removed);
    specify(feedback).given(given('up'), removed).when(remove).refuses(feedbackErrors.notFound);
  });

  it('keeps the time of its first word in its row, and leaves none when it is taken back', () => {
    type Row = FeedbackRow;
    const later = { occurredAt: '2026-05-01T00:00:00.000Z' };
    const first = foldRow(feedbackRows, recorded(given('up')), undefined);
    const second: Row | undefined = foldRow(feedbackRows, recorded(given('down'), later), first);
    expect(second).toMatchObject({ rating: 'down', created_at: first?.created_at, updated_at: later.occurredAt });
    expect(foldRow(feedbackRows, recorded(removed), second)).toBeUndefined();
  });
});
