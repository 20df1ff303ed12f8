import { corpora } from '#domain/capabilities/corpora/corpora.decider.js';
import { idFor } from '#infra/commands/ids.js';
import type { Platform } from '#infra/platform/platform.js';
import { probe, type Probe } from '#infra/platform/provider-probe.js';
import { probesOfConfig, probesOfCorpus, type ProbeQuestion } from '#infra/platform/provider-probes.js';
import { numberArg, optionalText, plain, textArg, UsageError, type Operation } from './operation.js';

/** Calls each provider of a corpus, or of the configuration, one after the other, and tells how each call went. */
export const providersSmoke: Operation = async function* ({ platform, signal }, args) {
  const corpusId = optionalText(args, 'corpus');
  const question = { query: textArg(args, 'query'), k: numberArg(args, 'top_k', 3) };
  const probes =
    corpusId === undefined
      ? probesOfConfig(platform, question)
      : await ofCorpus(platform, textArg(args, 'tenant'), corpusId, question);
  for (const each of probes) yield plain(await probe(each, signal));
};

async function ofCorpus(
  platform: Platform,
  tenantId: string,
  corpusId: string,
  question: ProbeQuestion,
): Promise<readonly Probe[]> {
  const state = await platform.path.load(corpora, tenantId, idFor('corpora', tenantId, corpusId));
  if (state.status === 'absent') throw new UsageError(`tenant ${tenantId} has no corpus ${corpusId}`);
  return probesOfCorpus(platform, { tenantId, corpusId, providerConfig: state.providerConfig }, question);
}
