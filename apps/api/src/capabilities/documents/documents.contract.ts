import { Field } from '#api/http/fields.js';
import { PageQuery } from '#api/http/paging.js';

const DOCUMENT_ID = /^[A-Za-z0-9][A-Za-z0-9._:@-]*$/;
const MAX_TEXT = 10_000_000;

export class DocumentTextRequest {
  @Field.string({ does: 'The corpus that the document belongs to', min: 1, max: 128, example: 'c1' })
  corpus_id!: string;

  @Field.string({ does: 'The text to ingest', max: MAX_TEXT, example: 'Some raw text to ingest.' })
  text!: string;

  @Field.string({
    does: "The caller's id; submitting it again changes nothing, unless its ingestion failed for reasons that are not its own",
    min: 1,
    max: 256,
    pattern: DOCUMENT_ID,
    optional: true,
    example: 'doc-123',
  })
  document_id?: string;

  @Field.string({ does: 'A file name to show', min: 1, max: 512, default: 'raw_text.txt' })
  filename!: string;

  @Field.json({ does: 'Anything to keep with the document, for filters; its `labels` are for policies', default: {} })
  metadata_json!: Record<string, never>;

  @Field.json({
    does: 'Labels for policies, in place of those of the metadata; where neither is given a document keeps its own',
    optional: true,
  })
  labels?: Record<string, never>;

  @Field.integer({ does: 'Characters of a chunk', min: 1, max: 100_000, optional: true })
  chunk_size_chars?: number;

  @Field.integer({ does: 'Characters that neighbouring chunks share', min: 0, max: 99_999, optional: true })
  chunk_overlap_chars?: number;

  @Field.integer({ does: 'Tokens of a chunk, in place of characters', min: 1, max: 25_000, optional: true })
  chunk_size_tokens?: number;

  @Field.integer({ does: 'Tokens that neighbouring chunks share', min: 0, max: 24_999, optional: true })
  chunk_overlap_tokens?: number;

  @Field.boolean({
    does: 'Whether a document without any word is kept too, e.g. of a collection; it answers nothing',
    default: false,
  })
  allow_empty!: boolean;

  @Field.boolean({ does: 'Whether a known document is ingested anew', default: false })
  overwrite!: boolean;
}

export class DocumentUploadRequest {
  @Field.string({ does: 'The corpus that the document belongs to', min: 1, max: 128, example: 'c1' })
  corpus_id!: string;

  @Field.string({
    does: "The caller's id; submitting it again changes nothing, unless its ingestion failed for reasons that are not its own",
    min: 1,
    max: 256,
    pattern: DOCUMENT_ID,
    optional: true,
  })
  document_id?: string;

  @Field.string({
    does: 'A JSON object to keep with the document, for filters; its `labels` are for policies',
    max: 65_536,
    optional: true,
    example: '{"year": 2026}',
  })
  metadata_json?: string;

  @Field.string({
    does: 'A JSON object of labels for policies, in place of those of the metadata; where neither is given a document keeps its own',
    max: 65_536,
    optional: true,
    example: '{"team": "support"}',
  })
  labels?: string;

  @Field.integer({ does: 'Characters of a chunk', min: 1, max: 100_000, optional: true })
  chunk_size_chars?: number;

  @Field.integer({ does: 'Characters that neighbouring chunks share', min: 0, max: 99_999, optional: true })
  chunk_overlap_chars?: number;

  @Field.integer({ does: 'Tokens of a chunk, in place of characters', min: 1, max: 25_000, optional: true })
  chunk_size_tokens?: number;

  @Field.integer({ does: 'Tokens that neighbouring chunks share', min: 0, max: 24_999, optional: true })
  chunk_overlap_tokens?: number;

  @Field.boolean({ does: 'Whether a known document is ingested anew', default: false })
  overwrite!: boolean;
}

export class PatchDocumentRequest {
  @Field.json({
    does: 'Labels for policies, in place of all before; null removes them',
    optional: true,
    nullable: true,
    example: { team: 'support' },
  })
  labels?: Record<string, never> | null;

  @Field.json({
    does: 'What is kept with the document, in place of all before; null removes it',
    optional: true,
    nullable: true,
  })
  metadata_json?: Record<string, never> | null;
}

export class ReindexRequest {
  @Field.integer({ does: 'Characters of a chunk', min: 1, max: 100_000, optional: true })
  chunk_size_chars?: number;

  @Field.integer({ does: 'Characters that neighbouring chunks share', min: 0, max: 99_999, optional: true })
  chunk_overlap_chars?: number;

  @Field.integer({ does: 'Tokens of a chunk, in place of characters', min: 1, max: 25_000, optional: true })
  chunk_size_tokens?: number;

  @Field.integer({ does: 'Tokens that neighbouring chunks share', min: 0, max: 24_999, optional: true })
  chunk_overlap_tokens?: number;
}

export class DocumentListQuery extends PageQuery {
  @Field.string({ does: 'Only documents of this corpus', min: 1, max: 128, optional: true })
  corpus_id?: string;

  @Field.string({
    does: 'Only documents that this filter holds for, as JSON',
    max: 16_384,
    optional: true,
    example: '{"eq":["metadata.team","docs"]}',
  })
  filter?: string;
}

export class DocumentAccepted {
  @Field.string({ example: 'doc-123' })
  document_id!: string;

  @Field.string({ example: 'queued' })
  status!: string;

  @Field.string({ nullable: true })
  job_id!: string | null;

  @Field.string({ example: '/v1/documents/doc-123' })
  status_url!: string;
}

export class DocumentProgress {
  @Field.enum(['parsed', 'chunked', 'embedded', 'indexed'])
  stage!: string;

  @Field.integer({ does: 'Characters of `parsed`, else chunks' })
  done!: number;

  @Field.integer()
  total!: number;
}

export class DocumentView {
  @Field.string({ example: 'doc-123' })
  id!: string;

  @Field.string({ example: 't1' })
  tenant_id!: string;

  @Field.string({ example: 'c1' })
  corpus_id!: string;

  @Field.string({ example: 'notes.txt' })
  filename!: string;

  @Field.string({ example: 'text/plain' })
  content_type!: string;

  @Field.string({ example: 'raw_text' })
  source!: string;

  @Field.string({ example: 'raw_text' })
  ingest_source!: string;

  @Field.enum(['queued', 'processing', 'succeeded', 'failed'])
  status!: string;

  @Field.string({ nullable: true })
  failure_reason!: string | null;

  @Field.string({ does: 'A stable code of the reason', nullable: true, example: 'FILE_BROKEN' })
  failure_code!: string | null;

  @Field.object(() => DocumentProgress, { does: 'How far a large document’s ingestion is', nullable: true })
  progress!: DocumentProgress | null;

  @Field.json({ does: 'Labels for policies' })
  labels!: object;

  @Field.json({ does: 'What was said of the document' })
  metadata_json!: object;

  @Field.instant()
  created_at!: string;

  @Field.instant()
  updated_at!: string;

  @Field.instant({ nullable: true })
  queued_at!: string | null;

  @Field.instant({ nullable: true })
  processing_started_at!: string | null;

  @Field.instant({ nullable: true })
  completed_at!: string | null;

  @Field.instant({ nullable: true })
  last_reindexed_at!: string | null;

  @Field.string({ nullable: true })
  last_job_id!: string | null;

  @Field.integer({ nullable: true })
  num_chunks!: number | null;
}
