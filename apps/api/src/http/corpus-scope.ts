import { CatalogueError } from '#domain/kernel/errors.js';

import type { CallerContext } from './caller.js';
import { httpErrors } from './errors.js';
import type { AccessLog } from './gates.js';

/** Whether the caller's key may use a corpus; what it may not see is not there for it. */
export function seesCorpus(caller: CallerContext, corpusId: string): boolean {
  return caller.principal.scopes?.corpora?.includes(corpusId) !== false;
}

/** The condition on the corpus of a list's rows: the corpus that was asked for, of those that the key may use. */
export function visibleCorpora(
  caller: CallerContext,
  asked?: string,
): string | { readonly in: readonly string[] } | undefined {
  const corpora = caller.principal.scopes?.corpora;
  if (corpora === undefined || (asked !== undefined && corpora.includes(asked))) return asked;
  return { in: asked === undefined ? corpora : [] };
}

/** The gate for what only a request's body tells: the corpus that a key limited to corpora wants to use. */
export class CorpusScope {
  constructor(private readonly access: Pick<AccessLog, 'recorded'>) {}

  /** Refuses with 403, on record before the answer. */
  async require(corpusId: string, caller: CallerContext): Promise<void> {
    if (seesCorpus(caller, corpusId)) return;
    const error = new CatalogueError(httpErrors.forbidden, { scope: 'corpus' });
    const data = { ...caller.called, code: error.row.code, count: 1, windowSeconds: 0, requiredRole: null };
    await this.access.recorded({ type: 'RoleRefused', data: { ...data, reason: 'corpus' } }, caller.accessContext);
    throw error;
  }
}
