import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';

export class ReindexDocumentAction {
  @Field.string({ min: 1, max: 256, example: 'doc-123' })
  document_id!: string;

  @Field.string({ does: 'In place of the header Idempotency-Key', max: 128, optional: true })
  idempotency_key?: string;
}

export class UiPatch {
  @Field.string({ example: 'queued' })
  status!: string;
}

export class UiOptimistic {
  @Field.string({ example: 'document' })
  entity!: string;

  @Field.string({ example: 'doc-123' })
  id!: string;

  @Field.object(() => UiPatch)
  patch!: UiPatch;
}

export class UiActionAccepted {
  @Field.string()
  action_id!: string;

  @Field.string({ example: 'accepted' })
  status!: string;

  @Field.instant()
  accepted_at!: string;

  @Field.object(() => UiOptimistic)
  optimistic!: UiOptimistic;

  @Field.string({ example: '/v1/documents/doc-123' })
  poll_url!: string;
}

export class UiActionsQuery extends PageQuery {
  @Field.enum(['accepted', 'completed', 'failed'], { does: 'Only actions in this state', optional: true })
  status?: 'accepted' | 'completed' | 'failed';

  @Field.string({ does: 'Only actions on this document', max: 256, optional: true })
  document_id?: string;
}

export class UiActionResult {
  @Field.string()
  document_id!: string;

  @Field.string()
  job_id!: string;
}

export class UiAction {
  @Field.string()
  action_id!: string;

  @Field.string({ example: 'documents.reindex' })
  action_type!: string;

  @Field.enum(['accepted', 'completed', 'failed'])
  status!: string;

  @Field.string({ nullable: true })
  actor_id!: string | null;

  @Field.string({ nullable: true })
  request_id!: string | null;

  @Field.object(() => UiActionResult)
  result!: UiActionResult;

  @Field.string({ nullable: true })
  failure_reason!: string | null;

  @Field.instant()
  accepted_at!: string;

  @Field.instant({ nullable: true })
  finished_at!: string | null;
}
