import { audio, audioErrors, type AudioState } from '#domain/capabilities/audio/audio.decider.js';
import { runs } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError, type ErrorRow } from '#domain/kernel/errors.js';
import type { Authorization } from '#api/commands/authorization.js';
import { isOfCaller } from '#api/commands/conversations.js';
import type { CallerContext } from '#api/http/caller.js';
import { seesCorpus } from '#api/http/corpus-scope.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { ContentStore } from '#infra/content/content-store.js';
import type { AudioAddresses } from './audio-address.adapter.js';
import type { AudioQuery } from './audio.contract.js';

/** An audio as it is served. */
export interface AudioFile {
  readonly bytes: Uint8Array;
  readonly etag: string;
}

export interface AudioFilesDeps {
  readonly path: CommandPath;
  readonly content: ContentStore;
  readonly addresses: AudioAddresses;
  readonly authorization: Authorization;
}

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** Finds audio for who may hear it: whoever holds an address that we signed, and whoever may read the run that it is of. */
export class AudioFiles {
  constructor(private readonly deps: AudioFilesDeps) {}

  async find(audioId: string, query: AudioQuery, caller: CallerContext): Promise<AudioFile> {
    const { path, content } = this.deps;
    const signed = this.signedTenant(audioId, query, caller);
    if (signed === undefined) await caller.restOnCredential();
    const tenantId = signed ?? caller.tenantId;
    const state = UUID.test(audioId) ? await path.load(audio, tenantId, audioId) : audio.initial;
    if (signed === undefined) await this.refuseUnread(state, caller);
    if (state.status === 'absent' || state.status === 'failed') throw new CatalogueError(audioErrors.notFound);
    if (state.status === 'deleted') throw new CatalogueError(audioErrors.gone);
    const bytes = await content.get(tenantId, state.stored.content.id);
    if (bytes === undefined) throw new CatalogueError(audioErrors.gone);
    return { bytes, etag: `"${state.stored.sha256}"` };
  }

  /** The tenant that a good address names, whoever else calls; undefined where only a credential may do. */
  private signedTenant(audioId: string, query: AudioQuery, caller: CallerContext): string | undefined {
    const problem = this.problemOf(audioId, query);
    if (problem === undefined) return query.tenant;
    if (caller.knownPrincipal === undefined) throw new CatalogueError(problem);
    return undefined;
  }

  private problemOf(audioId: string, { tenant, expires, signature }: AudioQuery): ErrorRow | undefined {
    const whole = tenant !== undefined && expires !== undefined && signature !== undefined;
    if (!whole || !this.deps.addresses.isOurs(tenant, audioId, expires, signature)) return audioErrors.addressRefused;
    return Number(expires) * 1_000 <= Date.now() ? audioErrors.addressExpired : undefined;
  }

  /** Refuses whom the run itself is refused. */
  private async refuseUnread(state: AudioState, caller: CallerContext): Promise<void> {
    const { path, authorization } = this.deps;
    const runId = runOf(state);
    const run = runId === null ? runs.initial : await path.load(runs, caller.tenantId, runId);
    if (runId === null || run.status === 'absent') throw new CatalogueError(audioErrors.notFound);
    const { userId, corpusId: corpus_id } = run.asked;
    if (!isOfCaller(userId, caller) || !seesCorpus(caller, corpus_id)) throw new CatalogueError(audioErrors.notFound);
    await authorization.run('read', { id: runId, corpus_id }, caller);
  }
}

function runOf(state: AudioState): string | null {
  switch (state.status) {
    case 'absent':
      return null;
    case 'stored':
      return state.stored.runId;
    case 'failed':
      return state.failed.runId;
    case 'deleted':
      return state.runId;
  }
}
