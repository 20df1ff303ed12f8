import type { Provider } from '@nestjs/common';

import type { AppDeps } from './app.module.js';
import { keyHasherOf } from './capabilities/api-keys/api-key-secret.adapter.js';
import { KeyDesk } from './capabilities/api-keys/api-keys.handler.js';
import { ApiKeyQueries } from './capabilities/api-keys/api-keys.queries.js';
import { Commands } from './commands/commands.js';
import { CorpusScope } from './http/corpus-scope.js';

/** What the controllers of API keys are given. */
export function apiKeyProviders({ platform: { config, path }, gates }: AppDeps): Provider[] {
  const { AUTH_API_KEY_INACTIVE_ENFORCED: enforced, AUTH_API_KEY_INACTIVE_DAYS: days } = config.auth;
  return [
    ApiKeyQueries,
    { provide: CorpusScope, useValue: new CorpusScope(gates.access) },
    {
      provide: KeyDesk,
      inject: [Commands, ApiKeyQueries],
      useFactory: (commands: Commands, queries: ApiKeyQueries) =>
        new KeyDesk({
          commands,
          path,
          queries,
          access: gates.access,
          hasher: keyHasherOf(config.auth),
          maxActive: config.auth.SELF_SERVE_MAX_ACTIVE_KEYS,
          inactivity: { enforced, days },
        }),
    },
  ];
}
