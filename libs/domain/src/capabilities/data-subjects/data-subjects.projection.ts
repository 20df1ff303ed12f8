import { defineProjection } from '../../kernel/projection.js';
import { streamIdOf } from '../../kernel/streams.js';
import type { DataSubjectEvent } from './data-subjects.events.js';

export const forgottenSubjectRows = defineProjection<DataSubjectEvent>()({
  table: 'forgotten_subjects',
  version: 1,
  columns: {
    id: 'text',
    tenant_id: 'text',
    subject_kind: 'text',
    subject_id: 'text',
    /** Every key of the subject made up to this instant is to be destroyed. */
    forgotten_at: 'timestamptz',
  },
  key: (event) => streamIdOf(event.stream),
  on: {
    DataSubjectForgotten: (event) => ({
      id: streamIdOf(event.stream),
      tenant_id: event.tenantId,
      subject_kind: event.data.subjectKind,
      subject_id: event.data.subjectId,
      forgotten_at: event.occurredAt,
    }),
  },
});
