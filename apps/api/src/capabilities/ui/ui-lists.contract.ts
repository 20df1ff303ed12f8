import { Field } from '#api/http/fields.js';

/** What every list of the user interface takes. */
class ListQuery {
  @Field.string({ does: 'A part of a word, whatever its case', max: 256, optional: true })
  q?: string;

  @Field.integer({ does: 'The most items to return', min: 1, max: 100, default: 25 })
  limit!: number;

  @Field.string({ does: 'Where the last page ended: `page.next_cursor`', max: 4_000, optional: true })
  cursor?: string;

  @Field.instant({ does: 'Not before this instant', optional: true })
  created_from?: string;

  @Field.instant({ does: 'Not after this instant', optional: true })
  created_to?: string;
}

export class UiDocumentsQuery extends ListQuery {
  @Field.string({
    does: 'Comma-separated: created_at, updated_at, filename (or name), status; `-` for descending',
    max: 256,
    optional: true,
    example: '-created_at,name',
  })
  sort?: string;

  @Field.string({ does: 'Only documents in this state', max: 32, optional: true, example: 'succeeded' })
  status?: string;

  @Field.string({ does: 'Only documents of this corpus', max: 128, optional: true })
  corpus_id?: string;
}

export class UiActivityQuery extends ListQuery {
  @Field.string({
    does: 'Comma-separated: occurred_at (or created_at), event_type, outcome; `-` for descending',
    max: 256,
    optional: true,
    example: '-occurred_at',
  })
  sort?: string;

  @Field.string({ does: 'Only what this kind of caller did', max: 64, optional: true, example: 'api_key' })
  actor_type?: string;

  @Field.string({ does: 'Only events of this type', max: 128, optional: true, example: 'documents.deleted' })
  event_type?: string;
}

export class UiPage {
  @Field.string({ nullable: true })
  next_cursor!: string | null;

  @Field.boolean()
  has_more!: boolean;
}

export class FacetValue {
  @Field.string()
  value!: string;

  @Field.integer()
  count!: number;
}

export class UiDocument {
  @Field.string({ example: 'doc-123' })
  id!: string;

  @Field.string()
  filename!: string;

  @Field.enum(['queued', 'processing', 'succeeded', 'failed'])
  status!: string;

  @Field.string()
  corpus_id!: string;

  @Field.string()
  content_type!: string;

  @Field.instant()
  created_at!: string;

  @Field.instant()
  updated_at!: string;

  @Field.instant({ nullable: true })
  last_reindexed_at!: string | null;
}

export class StatusFacets {
  @Field.list(() => FacetValue, { does: 'Over all documents that the other filters leave, the most frequent first' })
  status!: readonly FacetValue[];
}

export class UiDocuments {
  @Field.list(() => UiDocument)
  items!: readonly UiDocument[];

  @Field.object(() => UiPage)
  page!: UiPage;

  @Field.object(() => StatusFacets)
  facets!: StatusFacets;
}

export class UiActivity {
  @Field.string()
  id!: string;

  @Field.instant()
  occurred_at!: string;

  @Field.string({ example: 'documents.deleted' })
  event_type!: string;

  @Field.enum(['success', 'failure'])
  outcome!: string;

  @Field.string({ nullable: true })
  actor_type!: string | null;

  @Field.string({ nullable: true })
  actor_id!: string | null;

  @Field.string({ nullable: true })
  resource_type!: string | null;

  @Field.string({ nullable: true })
  resource_id!: string | null;

  @Field.string({ example: 'documents.deleted (success) on document doc-123' })
  summary!: string;
}

export class EventTypeFacets {
  @Field.list(() => FacetValue, {
    does: 'Over the events that the other filters leave (100,000 of them at most), the most frequent first',
  })
  event_type!: readonly FacetValue[];
}

export class UiActivities {
  @Field.list(() => UiActivity)
  items!: readonly UiActivity[];

  @Field.object(() => UiPage)
  page!: UiPage;

  @Field.object(() => EventTypeFacets)
  facets!: EventTypeFacets;
}
