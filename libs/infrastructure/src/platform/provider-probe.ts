import { CatalogueError } from '#domain/kernel/errors.js';
import { LlmFailure, toldOf } from '#infra/adapters/llm/llm-failure.js';
import { outboundErrors } from '#infra/shared-state/outbound.js';

export type ProbeKind = 'llm' | 'embedding' | 'retrieval' | 'rerank' | 'tts' | 'stt';

/** What a search found, for a person to look at. */
export interface Hit {
  readonly score: number;
  readonly source: string;
  /** The first 120 characters. */
  readonly text: string;
}

/** One small real call to one provider. */
export interface Probe {
  readonly kind: ProbeKind;
  readonly name: string;
  /** Undefined where nothing is configured that could be called, and nobody asked for it. */
  readonly call: ((signal: AbortSignal) => Promise<readonly Hit[]>) | undefined;
}

/** Who must act: whoever configures, whoever has the credentials, the provider, or us. */
export type ProbeFailure = 'config' | 'auth' | 'provider' | 'unknown';

/** How it went: codes and numbers, and nothing that a provider said of a failure, which may repeat a secret. */
export interface Probed {
  readonly kind: ProbeKind;
  readonly name: string;
  readonly status: 'ok' | 'failed' | 'skipped';
  readonly code: string | null;
  readonly message: string | null;
  readonly failure: ProbeFailure | null;
  readonly latency_ms: number | null;
  readonly hits: readonly Hit[];
}

/** Told by a probe of a failure that is no error of the catalogue. */
export class ProbeRefused extends Error {
  constructor(
    readonly code: string,
    readonly failure: ProbeFailure,
  ) {
    super(code);
    this.name = 'ProbeRefused';
  }
}

/** Makes the call. Rejects with the signal's reason only. */
export async function probe({ kind, name, call }: Probe, signal: AbortSignal): Promise<Probed> {
  const none = { kind, name, code: null, message: null, failure: null, latency_ms: null, hits: [] };
  if (call === undefined) return { ...none, status: 'skipped' };
  const began = performance.now();
  const took = (): { latency_ms: number } => ({ latency_ms: Math.round((performance.now() - began) * 10) / 10 });
  try {
    const hits = await call(signal);
    return { ...none, status: 'ok', ...took(), hits };
  } catch (error) {
    signal.throwIfAborted();
    return { ...none, status: 'failed', ...took(), ...failureOf(error) };
  }
}

function failureOf(error: unknown): Pick<Probed, 'code' | 'message' | 'failure'> {
  if (error instanceof ProbeRefused)
    return { code: error.code, message: 'The provider did not answer as it must', failure: error.failure };
  if (error instanceof LlmFailure) {
    const { code, title: message } = toldOf(error).row;
    return { code, message, failure: ofModel(error) };
  }
  if (!(error instanceof CatalogueError))
    return { code: 'UNKNOWN_ERROR', message: 'The call failed in a way that is not known', failure: 'unknown' };
  const { code, title: message } = error.row;
  return { code, message, failure: ofRow(error) };
}

function ofModel({ kind }: LlmFailure): ProbeFailure {
  if (kind === 'unconfigured') return 'config';
  return kind === 'auth' ? 'auth' : 'provider';
}

function ofRow({ row }: CatalogueError): ProbeFailure {
  if (Object.values(outboundErrors).includes(row)) return 'provider';
  if (row.code.includes('AUTH')) return 'auth';
  return /CONFIG|NOT_ALLOWED|UNKNOWN/.test(row.code) ? 'config' : 'provider';
}
