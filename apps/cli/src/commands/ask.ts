import { randomUUID } from 'node:crypto';
import type { Command } from 'commander';
import { outputOf, subcommand, tenantIdIn, wholeNumber, type Common } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import { note, paint, type Output } from '../output.js';
import { patiently } from '../patience.js';
import { demoCorpusId, demoQuestion, demoTenantId } from '../seed/demo-documents.js';
import { withClient, type Session } from '../session.js';

interface AskOptions extends Common {
  readonly corpus: string;
  readonly tenant: string;
  readonly session?: string;
  readonly topK?: number;
}

interface Citation {
  readonly source: string;
  readonly document_id: string;
  readonly chunk_id: string;
  readonly start: number;
  readonly end: number;
  readonly page_start: number | null;
  readonly page_end: number | null;
  readonly score: number;
}

interface Frame {
  readonly type: string;
  readonly data: {
    readonly delta?: string;
    readonly text?: string;
    readonly citations?: readonly Citation[];
    readonly degraded?: boolean;
    readonly reason_code?: string | null;
    readonly code?: string;
    readonly message?: string;
  };
}

const PATIENCE_MS = 60_000;

export function askCommand(program: Command): void {
  subcommand(
    program,
    'ask <question>',
    'ask a corpus; the answer comes as it is written, then its sources',
    [`ask "${demoQuestion}"`, 'ask "Which tests block a release?" --corpus c1 --session s1 --json'],
    'A connection that breaks is resumed where it broke. --json prints every event of the stream.',
  )
    .option('--corpus <id>', 'the corpus', demoCorpusId)
    .option('--tenant <id>', 'the tenant', tenantIdIn, demoTenantId)
    .option('--session <id>', 'the conversation; a new one by default')
    .option('--top-k <n>', "how many passages to use; the corpus's own number by default", wholeNumber(1, 50))
    .action(async (question: string, options: AskOptions) => {
      const body = {
        session_id: options.session ?? `cli-${randomUUID()}`,
        corpus_id: options.corpus,
        message: question,
        ...(options.topK === undefined ? {} : { top_k: options.topK }),
      };
      const view = new AnswerView(outputOf(options));
      await withClient({}, (session) => follow(session, options.tenant, body, view));
      view.end();
    });
}

/** Shows the frames of one run, resuming by the id of the last one that came. */
async function follow(session: Session, tenantId: string, body: object, view: AnswerView): Promise<void> {
  let lastId: string | undefined;
  // The same key makes a repeat of the first call the same run.
  const key = randomUUID();
  const onAway = (away: boolean): void => {
    if (away) note('the connection broke; resuming');
  };
  await patiently(session, { ms: PATIENCE_MS, tenantId, onAway }, async (client) => {
    const headers = { 'idempotency-key': key, ...(lastId === undefined ? {} : { 'last-event-id': lastId }) };
    for await (const { event, id, data } of client.events('/v1/run', body, headers)) {
      if (id !== '') lastId = id;
      if (event !== 'message') continue;
      const frame = JSON.parse(data) as Frame;
      view.show(frame);
      if (frame.type === 'done') return;
    }
    throw new TypeError('terminated');
  });
}

/** Writes an answer: text as it comes, then citations. */
class AnswerView {
  private wrote = false;

  constructor(private readonly output: Output) {}

  show(frame: Frame): void {
    this.output.item(frame);
    const { type, data } = frame;
    if (type === 'token.delta') this.write(data.delta ?? '');
    if (type === 'message.final') this.final(data);
    if (type === 'error') this.fail(`${data.code ?? 'UNKNOWN'}: ${data.message ?? ''}`);
    if (type === 'resume.unsupported') this.fail('the answer could not be resumed; ask again');
  }

  end(): void {
    this.wrote = false;
  }

  private write(text: string): void {
    this.wrote = true;
    this.output.text(text);
  }

  private final({ text = '', citations = [], degraded, reason_code: reason }: Frame['data']): void {
    if (!this.wrote) this.write(text);
    this.output.line();
    this.output.line();
    const width = String(citations.length).length;
    for (const [at, citation] of citations.entries()) {
      const { source, document_id: id, chunk_id: chunk, start, end, score } = citation;
      const number = paint('bold', `[${String(at + 1).padStart(width)}]`);
      const place = `chunk ${chunk}  ${start}–${end}${pagesOf(citation)}`;
      this.output.line(`${number} ${source} (${id})  ${place}  score ${score.toFixed(3)}`);
    }
    if (citations.length === 0) this.output.line('no passage was cited');
    if (degraded === true) this.output.line(paint('yellow', `degraded: ${reason ?? 'for an unknown reason'}`));
  }

  private fail(sentence: string): void {
    if (this.wrote) this.output.line();
    process.exitCode = exitCodes.failed;
    note(sentence);
  }
}

function pagesOf({ page_start: first, page_end: last }: Citation): string {
  if (first === null) return '';
  return last === null || last === first ? `  page ${first}` : `  pages ${first}–${last}`;
}
