import { keyIdOf, keyring, keyringErrors, purposeOfKey } from '#domain/capabilities/keyring/keyring.decider.js';
import type { KeyPurpose } from '#domain/capabilities/keyring/keyring.events.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { Commands } from '#api/commands/commands.js';
import type { CallerContext } from '#api/http/caller.js';
import type { Keyring } from './keyring.adapter.js';
import { keyringStream } from './keyring.adapter.js';
import type { PlatformKeyView, RotatedKeyView } from './keyring.contract.js';
import { ownerOf, viewOfKey } from './keyring.queries.js';

/** Makes and retires keys. The sealed secret is stored before the event that names it. */
export class KeyringAdministration {
  constructor(
    private readonly commands: Commands,
    private readonly keyring: Keyring,
  ) {}

  async rotate(purpose: KeyPurpose, caller: CallerContext): Promise<RotatedKeyView> {
    const owner = ownerOf(caller);
    const { newId } = caller.facts;
    const keyId = keyIdOf(purpose, newId);
    const secret = await this.keyring.store(owner, keyId, newId);
    const command = { type: 'RotatePlatformKey', data: { keyId, purpose, secret } } as const;
    const { state, events } = await this.commands.runFor(
      owner,
      keyring,
      keyringStream(owner, purpose),
      command,
      caller,
    );
    const key = state.find((each) => each.keyId === keyId);
    if (key === undefined) throw new CatalogueError(keyringErrors.notFound);
    const [first] = events;
    return {
      key: viewOfKey(key),
      // Read back: a repeat after a crash shows the secret that was stored first.
      secret: await this.keyring.reveal(owner, keyId, newId),
      replaced_key_id: first?.type === 'PlatformKeyRotated' ? first.data.replacedKeyId : null,
    };
  }

  async retire(keyId: string, caller: CallerContext): Promise<PlatformKeyView> {
    const owner = ownerOf(caller);
    const purpose = purposeOfKey(keyId);
    if (purpose === undefined) throw new CatalogueError(keyringErrors.notFound);
    const command = { type: 'RetirePlatformKey', data: { keyId } } as const;
    const { state } = await this.commands.runFor(owner, keyring, keyringStream(owner, purpose), command, caller);
    const key = state.find((each) => each.keyId === keyId);
    if (key === undefined) throw new CatalogueError(keyringErrors.notFound);
    return viewOfKey(key);
  }
}
