import { documentAclRows } from '#domain/capabilities/authorization/authorization.projection.js';
import { documents } from '#domain/capabilities/documents/documents.decider.js';
import { documentRows } from '#domain/capabilities/documents/documents.projection.js';
import type { RowOf } from '#domain/kernel/projection.js';
import type { CallerContext } from '#api/http/caller.js';
import type { CommandPath } from '#infra/commands/command-path.js';
import type { ReadModels } from '#infra/read-models/read-models.js';
import type { ReadYourWrites } from './read-your-writes.js';

export type DocumentRow = RowOf<typeof documentRows.columns>;
export type DocumentAclRow = RowOf<typeof documentAclRows.columns>;

const TABLES = [documentRows.table, documentAclRows.table];

/** Documents as they are shown. Taking one in does not wait for its row: whoever looks for it does. */
export class ShownDocuments {
  constructor(
    private readonly models: ReadModels,
    private readonly reads: ReadYourWrites,
    private readonly path: Pick<CommandPath, 'load'>,
  ) {}

  /** To be called before a list: waits until it has what the caller's tenant was told of here, or the caller has seen elsewhere. */
  async before(caller: CallerContext): Promise<void> {
    for (const table of TABLES) await this.reads.before(table, caller);
  }

  /** The row of a document by the id of its stream. */
  async find(uid: string, caller: CallerContext): Promise<DocumentRow | undefined> {
    await this.before(caller);
    const find = (): Promise<DocumentRow | undefined> => this.models.for(documentRows).find(caller.tenantId, uid);
    return (await find()) ?? this.again(find, uid, caller);
  }

  /** Who may do what with a document that is there. */
  async aclOf(uid: string, caller: CallerContext): Promise<DocumentAclRow | undefined> {
    await this.before(caller);
    const find = (): Promise<DocumentAclRow | undefined> => this.models.for(documentAclRows).find(caller.tenantId, uid);
    return (await find()) ?? this.again(find, uid, caller);
  }

  /** Another process may have taken it in just now: then the log knows it. */
  private async again<R>(find: () => Promise<R>, uid: string, caller: CallerContext): Promise<R | undefined> {
    const state = await this.path.load(documents, caller.tenantId, uid);
    if (state.status === 'absent') return undefined;
    await this.reads.catchUp(TABLES, caller);
    return find();
  }
}
