import { defineDecider } from '../../kernel/decider.js';
import { defineErrors, refuse } from '../../kernel/errors.js';
import type { FeedbackEvent } from './feedback.events.js';

export const feedbackErrors = defineErrors('feedback', {
  notFound: ['not_found', 'NOT_FOUND', 'There is no feedback of yours on this run'],
  noAnswer: ['conflict', 'RUN_HAS_NO_ANSWER', 'The run has no answer that could be rated'],
});

type Given = Extract<FeedbackEvent, { type: 'FeedbackGiven' }>['data'];

export interface GiveFeedback {
  readonly type: 'GiveFeedback';
  readonly data: Given;
}

export interface RemoveFeedback {
  readonly type: 'RemoveFeedback';
  readonly data: Readonly<Record<string, never>>;
}

/** What a user says of an answer now; null while it says nothing. */
export interface FeedbackState {
  readonly given: Given | null;
}

/** One stream a run and user: the newest word counts. */
export const feedback = defineDecider<GiveFeedback | RemoveFeedback, FeedbackEvent, FeedbackState>({
  category: 'feedback',
  initial: { given: null },
  decide: (command, { given }) => {
    switch (command.type) {
      case 'GiveFeedback':
        return given !== null && isSame(given, command.data) ? [] : [{ type: 'FeedbackGiven', data: command.data }];
      case 'RemoveFeedback': {
        if (given === null) return refuse(feedbackErrors.notFound);
        const { feedbackId, runId, userId } = given;
        return [{ type: 'FeedbackRemoved', data: { feedbackId, runId, userId } }];
      }
    }
  },
  evolve: (_, event) => ({ given: event.type === 'FeedbackGiven' ? event.data : null }),
});

function isSame(given: Given, said: Given): boolean {
  return (
    given.rating === said.rating && given.comment?.id === said.comment?.id && given.tags.join() === said.tags.join()
  );
}
