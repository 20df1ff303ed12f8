import { defineDecider } from '../../kernel/decider.js';
import type { DataSubjectEvent } from './data-subjects.events.js';

export interface ForgetDataSubject {
  readonly type: 'ForgetDataSubject';
  readonly data: { readonly subjectKind: string; readonly subjectId: string };
}

/** How often the subject was forgotten: somebody may come back and be forgotten again. */
export interface DataSubjectState {
  readonly forgotten: number;
}

/**
 * One stream a data subject. The event is appended before the key is destroyed, so that a destruction that a crash or the
 * restore of an older key store undid is carried out again from the log.
 */
export const dataSubjects = defineDecider<ForgetDataSubject, DataSubjectEvent, DataSubjectState>({
  category: 'dataSubjects',
  initial: { forgotten: 0 },
  decide: (command) => [{ type: 'DataSubjectForgotten', data: command.data }],
  evolve: (state) => ({ forgotten: state.forgotten + 1 }),
});
