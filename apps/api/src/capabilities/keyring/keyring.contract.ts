import { keyStatuses, type KeyStatus } from '#domain/capabilities/keyring/keyring.decider.js';
import { keyPurposes, type KeyPurpose } from '#domain/capabilities/keyring/keyring.events.js';
import { Field } from '#api/http/fields.js';

export class KeyringQuery {
  @Field.enum(keyPurposes, { does: 'Only keys of this purpose', optional: true })
  purpose?: KeyPurpose;

  @Field.enum(keyStatuses, { does: 'Only keys in this state', optional: true })
  status?: KeyStatus;

  @Field.integer({ does: 'The most keys to return', min: 1, max: 200, default: 100 })
  limit!: number;

  @Field.string({ does: 'Where the last page ended: `meta.page.next_cursor`', max: 2_000, optional: true })
  cursor?: string;
}

export class RotateKeyQuery {
  @Field.string({
    does: 'What the new key is for, in any case of letters',
    pattern: new RegExp(`^(?:${keyPurposes.join('|')})$`, 'i'),
    example: 'signing',
  })
  purpose!: string;
}

export class PlatformKeyView {
  @Field.string({ example: 'sig_0190f6a27c4d7e1f8a2b3c4d5e6f7081' })
  key_id!: string;

  @Field.enum(keyPurposes)
  purpose!: string;

  @Field.enum(keyStatuses)
  status!: string;

  @Field.instant()
  created_at!: string;

  @Field.instant({ nullable: true })
  activated_at!: string | null;

  @Field.instant({ does: 'When it was replaced or retired', nullable: true })
  retired_at!: string | null;
}

export class RotatedKeyView {
  @Field.object(() => PlatformKeyView)
  key!: PlatformKeyView;

  @Field.string({ does: 'The secret of the key, shown this once', min: 64, max: 64 })
  secret!: string;

  @Field.string({ does: 'The key that was in force until now', nullable: true })
  replaced_key_id!: string | null;
}
