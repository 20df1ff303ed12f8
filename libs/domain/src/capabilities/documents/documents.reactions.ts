import { defineReaction, type Effect } from '../../kernel/reaction.js';
import { streamIdOf } from '../../kernel/streams.js';
import type { DocumentEvent } from './documents.events.js';

/** Texts of no more characters are short: with the usual chunks, few enough that all of it is written together with others. */
const SHORT_TEXT = 16_384;

const ingest = (tenantId: string, stream: string, jobId: string, job = 'documents.ingest'): readonly Effect[] => [
  { kind: 'job', job, data: { tenantId, documentId: streamIdOf(stream), jobId } },
];

const purge = (tenantId: string, stream: string, contentIds: readonly string[]): readonly Effect[] =>
  contentIds.length === 0
    ? []
    : [{ kind: 'job', job: 'documents.purge', data: { tenantId, documentId: streamIdOf(stream), contentIds } }];

/** Every accepted document is ingested, and what a deleted one left behind is removed. */
export const documentReactions = defineReaction<DocumentEvent>({
  name: 'documents',
  from: 'beginning',
  on: {
    DocumentSubmitted: (event) => [
      ...ingest(event.tenantId, event.stream, event.data.jobId, queueOf(event.data)),
      ...purge(event.tenantId, event.stream, event.data.replacedContentIds),
    ],
    DocumentReindexRequested: (event) => ingest(event.tenantId, event.stream, event.data.jobId),
    DocumentDetailsChanged: (event) => {
      const { changed, replacedContentIds: contentIds } = event.data;
      if (!changed.includes('metadata')) return [];
      const data = { tenantId: event.tenantId, documentId: streamIdOf(event.stream), contentIds };
      return [{ kind: 'job', job: 'documents.describe', data }];
    },
    DocumentDeleted: (event) => purge(event.tenantId, event.stream, event.data.contentIds),
  },
});

function queueOf({ form, charCount }: { readonly form: 'text' | 'file'; readonly charCount: number }): string {
  return form === 'text' && charCount <= SHORT_TEXT ? 'documents.ingest-short-text' : 'documents.ingest';
}
