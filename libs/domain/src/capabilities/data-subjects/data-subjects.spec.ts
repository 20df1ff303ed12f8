import { foldRow } from '../../kernel/projection.js';
import { recorded, specify } from '../../kernel/testing/given.js';
import { dataSubjects } from './data-subjects.decider.js';
import { forgottenSubjectRows } from './data-subjects.projection.js';

const data = { subjectKind: 'person', subjectId: 'u1' };
const forgotten = { type: 'DataSubjectForgotten', data } as const;

describe('a data subject', () => {
  it('can be forgotten again after it came back', () => {
    const forget = { type: 'ForgetDataSubject', data } as const;
    specify(dataSubjects).given(forgotten).when(forget).then(forgotten);
  });

  it('is listed with the instant up to which its keys are destroyed', () => {
    const first = foldRow(forgottenSubjectRows, recorded(forgotten, { stream: 'dataSubjects-t1.x' }), undefined);
    const later = { stream: 'dataSubjects-t1.x', occurredAt: '2026-05-01T00:00:00.000Z' };
    expect(foldRow(forgottenSubjectRows, recorded(forgotten, later), first)).toMatchObject({
      subject_id: 'u1',
      forgotten_at: '2026-05-01T00:00:00.000Z',
    });
  });
});
