import { randomBytes } from 'node:crypto';
import { aDocument, ingested } from '#test/support/server.js';
import type { Things } from '#test/surface/things.js';
import type { World } from '#test/surface/world.js';
import type { Operation } from '#test/surface/operations.js';

/** A tenant whose every text is known, so that it is seen wherever it comes out. */
export class Victim {
  private constructor(
    readonly things: Things,
    /** What nobody else may ever be told. */
    readonly canaries: ReadonlySet<string>,
    private readonly ids: ReadonlyMap<string, string>,
  ) {}

  static async settle(world: World): Promise<Victim> {
    const word = (): string => `canary${randomBytes(9).toString('hex')}`;
    const [corpus, text, file, session] = [word(), word(), word(), word()];
    const things = await world.tenant();
    const { tenant } = things;
    await tenant.editor.post('/v1/corpora', { id: 'hidden', name: corpus });
    await aDocument(tenant, `The ${text} is kept here.`, { corpus_id: 'hidden' });
    await aDocument(tenant, 'Something else.', { filename: `${file}.txt`, metadata_json: { note: file } });
    await tenant.reader.ask({ session_id: session, corpus_id: 'hidden', message: `What is the ${text}?` });
    const ids = new Map<string, string>();
    for (const operation of world.operations)
      for (const param of operation.pathParams)
        if (!ids.has(param)) ids.set(param, await things.idFor(operation, param));
    await ingested(tenant.reader, ids.get('documentId') ?? '');
    return new Victim(things, new Set([corpus, text, file, session]), ids);
  }

  /** The victim's own id for a parameter. */
  idFor(_: Operation, param: string): string {
    return this.ids.get(param) ?? this.things.tenant.tenantId;
  }
}
