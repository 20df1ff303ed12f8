import { Field } from '#api/http/fields.js';

export class WebhookTestView {
  @Field.boolean({ does: 'Whether the receiver took the message' })
  sent!: boolean;

  @Field.integer({ nullable: true, does: 'What the receiver answered; null when it did not' })
  status_code!: number | null;

  @Field.string({ does: 'The `webhook-id` of the message' })
  delivery_id!: string;

  @Field.string({ example: 'The receiver answered 200' })
  message!: string;
}
