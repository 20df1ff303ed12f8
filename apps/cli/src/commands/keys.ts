import type { Command } from 'commander';
import { group, given, outputOf, subcommand, tenantIdIn, wholeNumber, type Common } from '../command.js';
import { oneOf, paint, type Output } from '../output.js';
import { withClient } from '../session.js';

interface NewKey {
  readonly key_id: string;
  readonly key_prefix: string;
  readonly expires_at?: string | null;
  readonly replaced_key_id?: string;
  readonly api_key: string;
}

interface KeyRow {
  readonly key_id: string;
  readonly key_prefix: string;
  readonly name: string | null;
  readonly role: string;
  readonly user_id: string;
  readonly email: string | null;
  readonly created_at: string;
  readonly last_used_at: string | null;
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly is_active: boolean;
  readonly is_expired: boolean;
  readonly inactive_days: number;
}

export function keysCommands(program: Command): void {
  const keys = group(program, 'keys', 'API keys: create, list, revoke, rotate');
  create(keys);
  list(keys);
  revoke(keys);
  rotate(keys);
}

function create(keys: Command): void {
  interface Options extends Common {
    readonly tenant: string;
    readonly role: string;
    readonly name?: string;
    readonly userId?: string;
    readonly email?: string;
    readonly expiresInDays?: number;
  }
  subcommand(
    keys,
    'create',
    'create a key; the tenant is registered when it is new',
    [
      'keys create --tenant t1 --role editor --name importer',
      'keys create --tenant t1 --role reader --name trial --expires-in-days 30',
    ],
    'The secret is shown once and kept nowhere.',
  )
    .requiredOption('--tenant <id>', 'the tenant that the key belongs to', tenantIdIn)
    .requiredOption('--role <role>', 'reader, editor or admin')
    .requiredOption('--name <name>', 'what the key is for')
    .option('--user-id <id>', 'the user whose key it is; a new one by default')
    .option('--email <address>', 'the address of that user')
    .option('--expires-in-days <n>', 'when it ends; never by default', wholeNumber(1, 36_500))
    .action(async (options: Options) => {
      const { tenant, role, name, userId, email, expiresInDays } = options;
      const args = given({ tenant, role, name, user_id: userId, email, expires_in_days: expiresInDays });
      const key = await withClient({}, ({ client }) => oneOf(client().operation<NewKey>('keys.create', args)));
      showKey(outputOf(options), key);
    });
}

function showKey(output: Output, key: NewKey): void {
  output.item(key);
  output.fields({
    key_id: key.key_id,
    key_prefix: key.key_prefix,
    ...(key.replaced_key_id === undefined ? {} : { replaced: key.replaced_key_id }),
    expires_at: key.expires_at ?? 'never',
    api_key: key.api_key,
  });
}

const columns = [
  'key_id',
  'key_prefix',
  'name',
  'role',
  'user_id',
  'email',
  'created_at',
  'last_used_at',
  'expires_at',
  'revoked_at',
  'is_active',
  'is_expired',
  'inactive_days',
] as const;

function list(keys: Command): void {
  interface Options extends Common {
    readonly tenant: string;
    readonly inactiveDays: number;
    readonly inactiveOnly?: boolean;
  }
  subcommand(
    keys,
    'list',
    'list the keys of a tenant, newest first, as tab-separated values',
    ['keys list --tenant t1', 'keys list --tenant t1 --inactive-only --inactive-days 30 --json'],
    'A key is inactive when it was not used, activated or made for so many days; last_used_at is at most five\nminutes behind.',
  )
    .requiredOption('--tenant <id>', 'the tenant whose keys to list', tenantIdIn)
    .option('--inactive-days <n>', 'days without use that count as inactive', wholeNumber(1, 3_650), 90)
    .option('--inactive-only', 'only keys that are inactive or expired')
    .action(async ({ tenant, inactiveDays, inactiveOnly = false, ...options }: Options) => {
      const output = outputOf(options);
      const args = { tenant, inactive_days: inactiveDays, inactive_only: inactiveOnly };
      await withClient({}, async ({ client }) => {
        output.line(paint('bold', columns.join('\t')));
        for await (const key of client().operation<KeyRow>('keys.list', args)) {
          output.item(key);
          output.line(columns.map((name) => String(key[name] ?? '')).join('\t'));
        }
      });
    });
}

function revoke(keys: Command): void {
  subcommand(keys, 'revoke <key_id>', 'end a key at once, everywhere', [
    'keys revoke 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
  ]).action(async (keyId: string, options: Common) => {
    const output = outputOf(options);
    const done = await withClient({}, ({ client }) =>
      oneOf(client().operation<{ tenant: string; already: boolean }>('keys.revoke', { key_id: keyId })),
    );
    output.item(done);
    output.line(`key ${keyId} of tenant ${done.tenant} ${done.already ? 'was revoked already' : 'is revoked'}`);
  });
}

function rotate(keys: Command): void {
  interface Options extends Common {
    readonly name?: string;
    readonly keepOldActive?: boolean;
  }
  subcommand(keys, 'rotate <key_id>', 'replace a key by a new one of the same user, role and expiry', [
    'keys rotate 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b',
    'keys rotate 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b --keep-old-active',
  ])
    .option('--name <name>', 'the name of the new key; that of the old one by default')
    .option('--keep-old-active', 'do not revoke the old key')
    .action(async (keyId: string, options: Options) => {
      const args = {
        key_id: keyId,
        keep_old_active: options.keepOldActive === true,
        ...given({ name: options.name }),
      };
      const key = await withClient({}, ({ client }) => oneOf(client().operation<NewKey>('keys.rotate', args)));
      showKey(outputOf(options), key);
    });
}

export function personsCommands(program: Command): void {
  const persons = group(program, 'persons', 'people whose data the platform holds');
  interface Options extends Common {
    readonly tenant: string;
    readonly userId: string;
  }
  subcommand(
    persons,
    'forget',
    'destroy the key of a person, so that no personal field of theirs can be read again',
    ['persons forget --tenant t1 --user-id 0199a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b'],
    'The log keeps its events and stays provable; the fields sealed for this person become unreadable in it,\nin the read models and in every copy. This cannot be undone.',
  )
    .requiredOption('--tenant <id>', 'the tenant of the person', tenantIdIn)
    .requiredOption('--user-id <id>', 'the person')
    .action(async (options: Options) => {
      const output = outputOf(options);
      const args = { tenant: options.tenant, user_id: options.userId };
      const done = await withClient({}, ({ client }) =>
        oneOf(client().operation<{ destroyed: boolean | number }>('persons.forget', args)),
      );
      output.item(done);
      output.line(
        Number(done.destroyed) > 0
          ? `the key of ${options.userId} is destroyed; what was sealed with it is unreadable now`
          : `there was no key of ${options.userId} to destroy; that the person is forgotten is recorded`,
      );
    });
}
