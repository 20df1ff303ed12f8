import { Field } from '#api/http/fields.js';

/** What the address of an audio says for itself; who may read the run that it is of needs none of it. */
export class AudioQuery {
  @Field.string({ does: 'The tenant that the audio is of', max: 64, optional: true })
  tenant?: string;

  @Field.string({ does: 'Until when the address is good, in seconds since 1970', max: 16, optional: true })
  expires?: string;

  @Field.string({ does: 'Our signature of the address', max: 128, optional: true })
  signature?: string;
}
