import { Field } from '#api/http/fields.js';

export class ChunkView {
  @Field.string({ does: 'As citations name it: `chunk_id`', example: '0e0b1c6e-3a0f-5a3c-9b58-2f4d6c1a7e11' })
  id!: string;

  @Field.integer({ does: 'Its place among the chunks of the document, from 0' })
  ordinal!: number;

  @Field.integer({ does: 'Where it begins in the text of the document, in UTF-16 units' })
  start!: number;

  @Field.integer({ does: 'Where it ends' })
  end!: number;

  @Field.integer({ does: 'UTF-16 units' })
  size!: number;

  @Field.integer({ nullable: true, does: 'The page that it begins on, from 1; null where the document has no pages' })
  page_start!: number | null;

  @Field.integer({ nullable: true, does: 'The page that it ends on' })
  page_end!: number | null;
}

export class ChunkTextView extends ChunkView {
  @Field.string({ example: 'doc-123' })
  document_id!: string;

  @Field.string({ example: 'c1' })
  corpus_id!: string;

  @Field.string({ does: 'Letter for letter as it stands in the document' })
  text!: string;

  @Field.string({ nullable: true, does: 'The chunk before it' })
  previous_id!: string | null;

  @Field.string({ nullable: true, does: 'The chunk after it' })
  next_id!: string | null;

  @Field.boolean({ does: 'False for one of an indexing that answers no question any more' })
  current!: boolean;
}
