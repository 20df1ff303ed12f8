import type { Command } from 'commander';
import type { Probed } from '#infra/platform/provider-probe.js';
import { group, given, outputOf, subcommand, tenantIdIn, wholeNumber, type Common } from '../command.js';
import { smokeCodes } from '../exit-codes.js';
import { allOf, note, type Column } from '../output.js';
import { demoQuestion, demoTenantId } from '../seed/demo-documents.js';
import { withClient } from '../session.js';

interface SmokeOptions extends Common {
  readonly tenant: string;
  readonly corpus?: string;
  readonly query: string;
  readonly topK: number;
}

const columns: readonly Column<Probed>[] = [
  { head: 'what', of: (row) => row.kind },
  { head: 'provider', of: (row) => row.name },
  { head: 'status', of: (row) => row.status },
  { head: 'code', of: (row) => row.code },
  { head: 'ms', of: (row) => row.latency_ms, right: true },
];

export function providerCommands(program: Command): void {
  const provider = group(program, 'provider', 'models and stores outside: what this platform calls');
  subcommand(
    provider,
    'smoke',
    'make one small real call to each provider, and say how it went',
    ['provider smoke', 'provider smoke --corpus c1 --query "What are the release gates?"', 'provider smoke --json'],
    'Without --corpus it calls what is configured: models, embeddings, rerankers, speech, and each store that EXTERNAL_STORES_ALLOWED names. With it, what that corpus is asked with. Calls may cost money. It ends with 0 when all is well, else by the first failure: 2 it is not configured, 3 its credentials were refused, 4 it failed, 1 anything else.',
  )
    .option('--corpus <id>', 'only the providers of this corpus')
    .option('--tenant <id>', 'whose corpus it is', tenantIdIn, demoTenantId)
    .option('--query <text>', 'what is searched for', demoQuestion)
    .option('--top-k <n>', 'how many passages are asked for', wholeNumber(1, 50), 3)
    .action(async ({ tenant, corpus, query, topK, ...options }: SmokeOptions) => {
      const args = { tenant, query, top_k: topK, ...given({ corpus }) };
      const rows = await withClient({}, ({ client }) => allOf(client().operation<Probed>('providers.smoke', args)));
      const output = outputOf(options);
      output.rows(rows, columns, 'no provider is configured');
      for (const { score, source, text } of rows.flatMap(({ hits }) => hits))
        output.line(`${score.toFixed(4)}  ${source}  ${text.replaceAll(/\s+/g, ' ')}`);
      for (const { name, code, message } of rows) if (code !== null) note(`${name}: ${code}: ${message ?? ''}`);
      const failed = rows.find(({ failure }) => failure !== null);
      if (failed?.failure != null) process.exitCode = smokeCodes[failed.failure];
    });
}
