import type { Provider } from '@nestjs/common';
import type { Platform } from '#infra/platform/platform.js';
import { Keyring } from './capabilities/keyring/keyring.adapter.js';
import { KeyringAdministration } from './capabilities/keyring/keyring.handler.js';
import { KeyringQueries } from './capabilities/keyring/keyring.queries.js';
import { Commands } from './commands/commands.js';

/** The keyring of a platform: what signs, seals and verifies with its keys is given this. */
export function keyringOf({ path, content, stores, config }: Platform): Keyring {
  const { KEYRING_ENABLED: enabled, KEYRING_MASTER_KEY: own, KEYRING_MASTER_KEY_REQUIRED: required } = config.keyring;
  const settings = { enabled, masterKey: own?.reveal(), required, fallback: stores.masterKey };
  return new Keyring({ path, content, settings });
}

export function keyringProviders({ platform }: { readonly platform: Platform }): Provider[] {
  const keyring = keyringOf(platform);
  return [
    KeyringQueries,
    {
      provide: KeyringAdministration,
      inject: [Commands],
      useFactory: (commands: Commands) => new KeyringAdministration(commands, keyring),
    },
  ];
}
