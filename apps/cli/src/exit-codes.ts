import { verdictCodes } from '#infra/ledger/verifier.js';

/** What the command ended with, for scripts. */
export const exitCodes = { ok: 0, failed: 1, usage: 2, inUse: 3, refused: 4, different: 5 } as const;

/** What `provider smoke` ends with, by whose failure came first. */
export const smokeCodes = { unknown: 1, config: 2, auth: 3, provider: 4 } as const;

const meanings: readonly (readonly [code: number, meaning: string])[] = [
  [exitCodes.ok, 'done, and nothing is wrong'],
  [exitCodes.failed, 'failed, or part of the work failed'],
  [exitCodes.usage, 'unknown command, wrong option or configuration'],
  [exitCodes.inUse, 'another process has the data folder'],
  [exitCodes.refused, 'the server refused; its error code is in the message'],
  [exitCodes.different, 'a verification found a difference: projections verify, index verify, ledger verify'],
  ...Object.entries(verdictCodes)
    .filter(([, code]) => code > 0)
    .map(([verdict, code]) => [code, `ledger verify FILE: ${verdict}`] as const),
  [smokeCodes.config, 'provider smoke: a provider is not configured'],
  [smokeCodes.auth, 'provider smoke: the credentials of a provider were refused'],
  [smokeCodes.provider, 'provider smoke: a provider failed'],
  [130, 'interrupted (SIGINT); 143 by SIGTERM'],
];

/** The table of exit codes, as the help shows it. */
export const exitCodesHelp = meanings.map(([code, meaning]) => `  ${String(code).padStart(3)}  ${meaning}`).join('\n');
