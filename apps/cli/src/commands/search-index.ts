import type { Command } from 'commander';
import { driftKinds, type DriftFigures, type DriftKind } from '#infra/retrieval/drift.js';
import { group, given, outputOf, subcommand, tenantIdIn, type Common } from '../command.js';
import { exitCodes } from '../exit-codes.js';
import type { DriftItem } from '../operations/search-index.js';
import { paint, type Output } from '../output.js';
import { demoTenantId } from '../seed/demo-documents.js';
import { withClient } from '../session.js';

export function indexCommands(program: Command): void {
  verify(group(program, 'index', 'the search index: what it holds against what the log says'));
}

interface Options extends Common {
  readonly tenant?: string;
  readonly corpus?: string;
  readonly repair?: boolean;
}

const SHOWN = 20;

function verify(index: Command): void {
  subcommand(
    index,
    'verify',
    'compare every document that answers questions with what the index holds of it',
    ['index verify', 'index verify --corpus c1 --tenant t1', 'index verify --repair --json'],
    `Found are documents whose chunks, vectors or postings are missing or of another number, and what no document names any
more. With --repair the first are queued to be ingested anew, and the others are removed; ingestion goes on while a
server runs. Ends with 5 when something differs that was not mended.`,
  )
    .option('--tenant <id>', 'only this tenant', tenantIdIn)
    .option('--corpus <id>', `only this corpus, of the tenant ${demoTenantId} unless told otherwise`)
    .option('--repair', 'mend what differs')
    .action(async ({ corpus, tenant, repair, ...options }: Options) => {
      const args = given<string | boolean>({ corpus, repair, tenant: tenant ?? (corpus && demoTenantId) });
      const report = new DriftReport(outputOf(options));
      await withClient({}, async ({ client }) => {
        type Item = Partial<DriftItem & { readonly result: DriftFigures }>;
        for await (const { drift, result } of client().operation<Item>('index.verify', args)) {
          if (drift !== undefined) report.add(drift);
          if (result !== undefined) report.end(result);
        }
      });
      if (report.left > 0) process.exitCode = exitCodes.different;
    });
}

class DriftReport {
  /** Differences that were not mended. */
  left = 0;
  private readonly counts = new Map<DriftKind, number>();
  private shown = 0;
  private queued = 0;
  private removed = 0;

  constructor(private readonly output: Output) {}

  add(drift: DriftItem['drift']): void {
    this.output.item(drift);
    this.counts.set(drift.kind, (this.counts.get(drift.kind) ?? 0) + 1);
    if (drift.repair === 'queued') this.queued += 1;
    else if (drift.repair === 'removed') this.removed += 1;
    else if (drift.repair !== 'gone') this.left += 1;
    this.shown += 1;
    if (this.shown <= SHOWN) this.output.line(lineOf(drift));
    if (this.shown === SHOWN + 1) this.output.line('… and more; --json lists all');
  }

  end(figures: DriftFigures): void {
    const { queued, removed, left } = this;
    const drift = Object.fromEntries(driftKinds.map((kind) => [kind, this.counts.get(kind) ?? 0]));
    this.output.item({ ...figures, drift, queued, removed, left });
    const { documents, versions, chunks } = figures;
    const verdict = this.shown === 0 ? paint('green', 'clean') : paint('red', `${this.shown} differences`);
    this.output.line(`${verdict}: ${documents} documents, ${versions} versions, ${chunks} chunks`);
    for (const [kind, count] of this.counts) this.output.line(`  ${kind}  ${count}`);
    if (queued + removed > 0) this.output.line(`${queued} queued to be ingested anew, ${removed} removed`);
  }
}

function lineOf({ kind, tenantId, documentId, documentUid, versionNo, expected, found, repair }: DriftItem['drift']) {
  const whose = tenantId === null ? '' : `  tenant ${tenantId}`;
  const what = documentId ?? documentUid;
  const name = what === null ? `  version ${versionNo ?? ''}` : `  document ${what}`;
  return `${kind}${whose}${name}: ${found} of ${expected}${repair === null ? '' : `, ${repair}`}`;
}
