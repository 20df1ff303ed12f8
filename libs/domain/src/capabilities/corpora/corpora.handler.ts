import { CatalogueError, mayPass } from '../../kernel/errors.js';
import { defineJob, RetryLater, type JobAttempt } from '../../kernel/job.js';
import { corpora, type CorpusCommand } from './corpora.decider.js';
import { corpusRows } from './corpora.projection.js';
import { corpusReactions } from './corpora.reactions.js';
import type { CorpusPorts } from './corpora.ports.js';

export type ReembedData = { readonly tenantId: string; readonly streamId: string; readonly reembedId: string };

/**
 * Embeds all that a corpus holds by its new model while the old one answers, then swaps by one event. What a killed attempt
 * embedded stays, and the next one goes on from there.
 */
export const reembedCorpus = defineJob<ReembedData, CorpusPorts>({
  name: 'corpora.reembed',
  retryLimit: 8,
  retryDelaySeconds: 2,
  timeoutSeconds: 43_200,
  concurrency: 2,
  handle: async (attempt, ports) => {
    const { tenantId, streamId, reembedId } = attempt.data;
    const run = (command: CorpusCommand, step: string): Promise<void> =>
      ports.commands.run(corpora, tenantId, streamId, command, `${attempt.id}:${step}`);
    try {
      await reembed(attempt, ports, run);
    } catch (error) {
      if (attempt.signal.aborted || (mayPass(error) && !attempt.lastAttempt)) throw error;
      const reason = error instanceof CatalogueError ? error.row.code : 'EMBEDDING_FAILED';
      await run({ type: 'FailReembedding', data: { reembedId, reason } }, 'fail');
    }
  },
});

async function reembed(
  { data, signal }: JobAttempt<ReembedData>,
  { commands, reembedding }: CorpusPorts,
  run: (command: CorpusCommand, step: string) => Promise<void>,
): Promise<void> {
  const { tenantId, streamId, reembedId } = data;
  const state = await commands.load(corpora, tenantId, streamId);
  if (state.status !== 'present' || state.reembedding?.id !== reembedId) return;
  const { embedding } = state.reembedding;
  const place = { tenantId, corpusId: state.corpusId };
  await reembedding.begin(place, embedding);
  const all = async (): Promise<void> => {
    while (await reembedding.advance(place, embedding, signal)) signal.throwIfAborted();
  };
  await all();
  await reembedding.prepare(place, embedding);
  // What was written since had both targets; what was under way when the second one was added is seen by now.
  await all();
  const { versions, chunks } = await reembedding.progress(place, embedding);
  await run({ type: 'CompleteReembedding', data: { reembedId, versions, chunks } }, 'complete');
}

/** Drops the vectors that answer nothing any more: those before a swap, or those that were not to come to one. */
export const dropVectors = defineJob<ReembedData, CorpusPorts>({
  name: 'corpora.drop-vectors',
  retryLimit: 10,
  retryDelaySeconds: 5,
  timeoutSeconds: 3_600,
  concurrency: 1,
  handle: async ({ data: { tenantId, streamId } }, { commands, reembedding }) => {
    const state = await commands.load(corpora, tenantId, streamId);
    if (state.status !== 'present' || state.embedding === null) return;
    const wanted = [state.embedding, ...(state.reembedding === null ? [] : [state.reembedding.embedding])];
    await reembedding.keepOnly({ tenantId, corpusId: state.corpusId }, wanted);
  },
});

export type EmptyData = { readonly tenantId: string; readonly streamId: string; readonly position: string };

/**
 * Removes what a deleted corpus held. A document that was handed in before the deletion is shown by the position of that;
 * one that comes later finds no corpus when it is to be ingested.
 */
export const emptyCorpus = defineJob<EmptyData, CorpusPorts>({
  name: 'corpora.empty',
  retryLimit: 20,
  retryDelaySeconds: 2,
  timeoutSeconds: 3_600,
  concurrency: 2,
  handle: async ({ id, data, signal }, { commands, corpusDocuments, reembedding }) => {
    const { tenantId, streamId, position } = data;
    const state = await commands.load(corpora, tenantId, streamId);
    if (state.status === 'present' || state.emptying === null) return;
    if (!(await corpusDocuments.shownUpTo(position))) throw new RetryLater('the documents are not shown yet', 5);
    const place = { tenantId, corpusId: state.emptying };
    while (await corpusDocuments.removeSome(place, id, signal)) signal.throwIfAborted();
    await reembedding.keepOnly(place, []);
    await commands.run(corpora, tenantId, streamId, { type: 'CompleteEmptying', data: {} }, `${id}:emptied`);
  },
});

/** All that follows from what happened to a corpus. */
export const corpusWork = {
  projections: [corpusRows],
  reactions: [corpusReactions],
  jobs: [reembedCorpus, dropVectors, emptyCorpus],
} as const;
