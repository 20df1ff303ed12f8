import { defineEvents, type EventOf } from '../../kernel/events.js';
import { t } from '../../kernel/schema.js';

export const dataSubjectEvents = defineEvents({
  DataSubjectForgotten: {
    version: 1,
    data: { subjectKind: t.string, subjectId: t.string },
    audit: {
      type: 'governance.subject.forgotten',
      category: 'governance',
      outcome: 'success',
      resource: ['data_subject', 'subjectId'],
      shows: ['subjectKind'],
    },
  },
});

export type DataSubjectEvent = EventOf<typeof dataSubjectEvents>;
