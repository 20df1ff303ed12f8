import { audio, audioErrors } from '#domain/capabilities/audio/audio.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import type { CallerContext } from '#api/http/caller.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { AudioAddresses } from './audio-address.adapter.js';
import type { AudioQuery } from './audio.contract.js';

/** An audio as it is served. */
export interface AudioFile {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Finds audio for who may hear it: the tenant's own callers, and whoever holds an address that we signed. */
export class AudioFiles {
  constructor(
    private readonly path: CommandPath,
    private readonly content: ContentStore,
    private readonly addresses: AudioAddresses,
  ) {}

  async find(audioId: string, query: AudioQuery, caller: CallerContext): Promise<AudioFile> {
    const tenantId = caller.knownPrincipal?.tenantId ?? this.tenantOf(audioId, query);
    if (!UUID.test(audioId)) throw new CatalogueError(audioErrors.notFound);
    const state = await this.path.load(audio, tenantId, audioId);
    if (state.status === 'absent' || state.status === 'failed') throw new CatalogueError(audioErrors.notFound);
    if (state.status === 'deleted') throw new CatalogueError(audioErrors.gone);
    const { content, sha256 } = state.stored;
    const bytes = await this.content.get(tenantId, content.id);
    if (bytes === undefined) throw new CatalogueError(audioErrors.gone);
    return { bytes, etag: `"${sha256}"` };
  }

  /** The tenant that an address names, if we signed it and its time has not passed. */
  private tenantOf(audioId: string, { tenant, expires, signature }: AudioQuery): string {
    const whole = tenant !== undefined && expires !== undefined && signature !== undefined;
    if (!whole || !this.addresses.isOurs(tenant, audioId, expires, signature))
      throw new CatalogueError(audioErrors.addressRefused);
    if (Number(expires) * 1_000 <= Date.now()) throw new CatalogueError(audioErrors.addressExpired);
    return tenant;
  }
}
