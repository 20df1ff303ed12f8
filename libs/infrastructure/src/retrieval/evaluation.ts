export interface EvaluationDocument {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export interface EvaluationQuery {
  readonly id: string;
  readonly text: string;
}

/** Query id → document id → grade; only grades above zero are relevant. */
export type Qrels = ReadonlyMap<string, ReadonlyMap<string, number>>;

/** Means over the judged queries, 0 to 1. */
export interface EvaluationResult {
  readonly queries: number;
  readonly ndcg10: number;
  readonly recall10: number;
  readonly mrr: number;
}

/** A found passage; a document's score is the best of its passages. */
export interface Found {
  readonly documentId: string;
  readonly score: number;
}

/** What is indexed of a document: its text, under its title unless it starts with it already. */
export function indexedText({ title, text }: Pick<EvaluationDocument, 'title' | 'text'>): string {
  const plain = (part: string): string => part.replaceAll(/\s+/gu, ' ').trim().toLowerCase();
  const heading = plain(title);
  return heading === '' || plain(text.slice(0, title.length * 2 + 64)).startsWith(heading)
    ? text
    : `${title}\n\n${text}`;
}

/** Scores a search over the set, as trec_eval does: graded gain, log2 discount, ties in the order given. */
export async function evaluate(
  set: { readonly queries: readonly EvaluationQuery[]; readonly qrels: Qrels },
  search: (query: EvaluationQuery) => Promise<readonly Found[]>,
): Promise<EvaluationResult> {
  let judged = 0;
  const sums = { ndcg10: 0, recall10: 0, mrr: 0 };
  for (const query of set.queries) {
    const grades = set.qrels.get(query.id) ?? new Map<string, number>();
    const relevant = [...grades.values()].filter((grade) => grade > 0);
    if (relevant.length === 0) continue;
    judged++;
    const gains = rankedDocuments(await search(query)).map((document) => Math.max(0, grades.get(document) ?? 0));
    const top = gains.slice(0, 10);
    sums.ndcg10 += discounted(top) / discounted(relevant.sort((a, b) => b - a).slice(0, 10));
    sums.recall10 += top.filter((gain) => gain > 0).length / relevant.length;
    const first = gains.findIndex((gain) => gain > 0);
    sums.mrr += first === -1 ? 0 : 1 / (first + 1);
  }
  const mean = (sum: number): number => (judged === 0 ? 0 : sum / judged);
  return { queries: judged, ndcg10: mean(sums.ndcg10), recall10: mean(sums.recall10), mrr: mean(sums.mrr) };
}

/** Documents by their best passage, best first. */
export function rankedDocuments(found: readonly Found[]): string[] {
  const best = new Map<string, number>();
  for (const { documentId, score } of found) best.set(documentId, Math.max(score, best.get(documentId) ?? -Infinity));
  return [...best].sort(([, a], [, b]) => b - a).map(([documentId]) => documentId);
}

function discounted(gains: readonly number[]): number {
  return gains.reduce((sum, gain, at) => sum + gain / Math.log2(at + 2), 0);
}
