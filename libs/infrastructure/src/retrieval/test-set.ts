import { access } from 'node:fs/promises';
import { join } from 'node:path';
import { linesOf, type Line } from '#infra/parsing/line-file.js';
import { indexedText, type EvaluationDocument, type EvaluationQuery, type Qrels } from './evaluation.js';

/** A public retrieval test set, without the texts of its documents. */
export interface TestSet {
  readonly corpus: string;
  /** The file of the judgements that were read. */
  readonly judgements: string;
  readonly documentIds: ReadonlySet<string>;
  /** Documents without a word. */
  readonly empty: number;
  /** Those with a judgement above zero, in the order of their file. */
  readonly queries: readonly EvaluationQuery[];
  readonly qrels: Qrels;
  /** What judgements name and no file holds. */
  readonly absent: {
    /** Judgements of documents. */
    readonly judgements: number;
    readonly queries: number;
  };
}

/** The test set cannot be read, or there is nothing to measure; the message says where. */
export class TestSetError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'TestSetError';
  }
}

const idKeys = ['_id', 'id', 'doc_id', 'docid', 'document_id'];
const queryIdKeys = ['_id', 'id', 'query_id', 'qid'];
const textKeys = ['text', 'contents', 'body'];
const queryKeys = ['text', 'query', 'contents', 'body'];

/**
 * Reads a folder: corpus.jsonl, queries.jsonl, and qrels.tsv, qrels.txt or one split of qrels/: test, else dev, else train,
 * unless another is asked for. Each may be packed as .gz. Holds ids, judgements and judged queries in memory, no document.
 */
export async function readTestSet(folder: string, split?: string): Promise<TestSet> {
  const judgements = await fileIn(folder, judgementFiles(split));
  const [corpus, questions] = [await fileIn(folder, ['corpus.jsonl']), await fileIn(folder, ['queries.jsonl'])];
  const qrels = await qrelsIn(judgements);
  const judged = [...qrels].filter(([, grades]) => [...grades.values()].some((grade) => grade > 0));
  const queries = await queriesIn(questions, new Set(judged.map(([query]) => query)));
  if (queries.length === 0)
    throw new TestSetError(
      `${judgements}: no judgement above 0 is of a query of ${questions}, so nothing can be measured`,
    );
  const { ids, empty } = await idsIn(corpus);
  const named = [...qrels.values()].flatMap((grades) => [...grades.keys()]);
  const absent = named.filter((id) => !ids.has(id)).length;
  if (absent === named.length) throw new TestSetError(`${judgements}: no judgement names a document of ${corpus}`);
  const missing = { judgements: absent, queries: judged.length - queries.length };
  return { corpus, judgements, documentIds: ids, empty, queries, qrels, absent: missing };
}

/** The documents of a corpus file, one after the other, with the line that each stands on. */
export async function* testDocuments(corpus: string): AsyncGenerator<EvaluationDocument & { readonly line: number }> {
  for await (const line of linesOf(corpus)) {
    const record = recordIn(corpus, line);
    const title = record['title'];
    yield {
      line: line.number,
      id: idIn(record, idKeys, corpus, line),
      title: typeof title === 'string' ? title : '',
      text: textIn(record, textKeys, corpus, line),
    };
  }
}

function judgementFiles(split: string | undefined): readonly string[] {
  const ofSplits = (split === undefined ? ['test', 'dev', 'train'] : [split]).map((name) => `qrels/${name}`);
  const stems = split === undefined ? ['qrels', ...ofSplits] : ofSplits;
  return stems.flatMap((stem) => [`${stem}.tsv`, `${stem}.txt`]);
}

async function fileIn(folder: string, names: readonly string[]): Promise<string> {
  for (const name of names.flatMap((each) => [each, `${each}.gz`])) {
    const path = join(folder, name);
    const isThere = await access(path).then(
      () => true,
      () => false,
    );
    if (isThere) return path;
  }
  throw new TestSetError(`${folder} has no ${names.join(', ')}, nor one that ends in .gz`);
}

async function qrelsIn(path: string): Promise<Map<string, Map<string, number>>> {
  const qrels = new Map<string, Map<string, number>>();
  let isFirst = true;
  for await (const line of linesOf(path)) {
    const judgement = judgementIn(path, line, isFirst);
    isFirst = false;
    if (judgement === undefined) continue;
    const { query, document, grade } = judgement;
    const grades = qrels.get(query) ?? new Map<string, number>();
    if ((grades.get(document) ?? grade) !== grade)
      throw wrong(path, line, `query ${query} and document ${document} have another grade above`);
    qrels.set(query, grades.set(document, grade));
  }
  return qrels;
}

/** Undefined for the line of column names that may stand first. */
function judgementIn(path: string, line: Line, isFirst: boolean) {
  const fields = fieldsOf(line.text);
  if (fields.length !== 3 && fields.length !== 4)
    throw wrong(path, line, `it has ${fields.length} columns, not 3 (query, document, grade) or 4 as of TREC`);
  const [query = '', document = '', text = ''] = fields.length === 4 ? fields.filter((_, at) => at !== 1) : fields;
  const grade = Number(text);
  if (Number.isFinite(grade)) return { query, document, grade };
  if (isFirst) return undefined;
  throw wrong(path, line, `${text} is not a grade`);
}

/** By tabs, so that an id may hold spaces; where those make no columns, by any white space. */
function fieldsOf(text: string): readonly string[] {
  const byTabs = text.split('\t').map((field) => field.trim());
  const isWhole = (byTabs.length === 3 || byTabs.length === 4) && !byTabs.includes('');
  return isWhole ? byTabs : text.trim().split(/\s+/u);
}

async function queriesIn(path: string, judged: ReadonlySet<string>): Promise<EvaluationQuery[]> {
  const queries = new Map<string, string>();
  for await (const line of linesOf(path)) {
    const record = recordIn(path, line);
    const id = idIn(record, queryIdKeys, path, line);
    if (!judged.has(id)) continue;
    if (queries.has(id)) throw wrong(path, line, `the id ${id} is there twice`);
    const text = textIn(record, queryKeys, path, line);
    if (text.trim() === '') throw wrong(path, line, `query ${id} is empty`);
    queries.set(id, text);
  }
  return [...queries].map(([id, text]) => ({ id, text }));
}

async function idsIn(corpus: string): Promise<{ ids: Set<string>; empty: number }> {
  const ids = new Set<string>();
  let empty = 0;
  for await (const { id, line: number, ...document } of testDocuments(corpus)) {
    if (ids.has(id)) throw wrong(corpus, { number }, `the id ${id} is there twice`);
    ids.add(id);
    if (indexedText(document).trim() === '') empty += 1;
  }
  return { ids, empty };
}

function recordIn(path: string, line: Line): Readonly<Record<string, unknown>> {
  const value = parsed(path, line);
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    throw wrong(path, line, 'it is not a JSON object');
  return value as Readonly<Record<string, unknown>>;
}

function parsed(path: string, line: Line): unknown {
  try {
    return JSON.parse(line.text);
  } catch (error) {
    throw wrong(path, line, `it is not JSON: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function idIn(
  record: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  path: string,
  line: Pick<Line, 'number'>,
): string {
  const value = keys.map((key) => record[key]).find((each) => each != null);
  if (typeof value === 'string' && value.trim() !== '') return value.trim();
  // A larger number has lost digits already, and with them what tells it from others.
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value);
  throw wrong(path, line, `it has no id: a text or a whole number as ${keys.join(', ')}`);
}

/** What the record says, which may be nothing: an empty text, or null. */
function textIn(
  record: Readonly<Record<string, unknown>>,
  keys: readonly string[],
  path: string,
  line: Pick<Line, 'number'>,
): string {
  const key = keys.find((each) => record[each] != null) ?? keys.find((each) => Object.hasOwn(record, each));
  const value = key === undefined ? undefined : (record[key] ?? '');
  if (typeof value !== 'string') throw wrong(path, line, `it has no text as ${keys.join(', ')}`);
  return value;
}

function wrong(path: string, { number }: Pick<Line, 'number'>, what: string): TestSetError {
  return new TestSetError(`${path}:${number}: ${what}`);
}
