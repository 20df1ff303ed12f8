import { Field } from '#api/http/fields.js';

export class EventStreamQuery {
  @Field.string({
    does: 'Comma-separated categories of streams (documents, runs …) or of the audit log (data, auth …); all when absent',
    max: 512,
    optional: true,
    example: 'documents,security',
  })
  topic?: string;

  @Field.string({
    does: "The caller's own tenant when absent; platform operators may name another one, or `*` for all",
    max: 64,
    optional: true,
  })
  tenant_id?: string;
}
