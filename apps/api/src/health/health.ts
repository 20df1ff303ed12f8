import type { Secret } from '#infra/config/secret.js';
import type { Metrics } from '#infra/telemetry/metrics.js';

/** One store that must answer before requests may come, unless they go on without it. */
export interface ReadinessCheck {
  readonly name: string;
  /** What metrics call it; it has no gauge without. */
  readonly component?: string;
  /** True: without it requests are served, with less; the process stays ready and says so. */
  readonly optional?: boolean;
  check(): Promise<boolean>;
}

export interface Readiness {
  readonly status: 'ready' | 'draining' | 'unready';
  readonly checks: Readonly<Record<string, 'ok' | 'degraded' | 'failed'>>;
}

const CHECK_TIMEOUT_MS = 2_000;

/** Whether a store answers in time. */
export async function answers(check: ReadinessCheck): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<boolean>((resolve) => (timer = setTimeout(() => resolve(false), CHECK_TIMEOUT_MS)));
  try {
    return await Promise.race([check.check(), late]);
  } catch {
    return false;
  } finally {
    clearTimeout(timer);
  }
}

async function stateOf(check: ReadinessCheck): Promise<'ok' | 'degraded' | 'failed'> {
  if (await answers(check)) return 'ok';
  return check.optional === true ? 'degraded' : 'failed';
}

/** Whether this process may be sent requests, and its metrics. */
export class Health {
  readonly metrics: Metrics;
  readonly metricsToken: Secret | undefined;
  readonly #checks: readonly ReadinessCheck[];
  #draining = false;

  constructor(options: { metrics: Metrics; metricsToken: Secret | undefined; checks: readonly ReadinessCheck[] }) {
    this.metrics = options.metrics;
    this.metricsToken = options.metricsToken;
    this.#checks = options.checks;
  }

  /** From here on the process says that it is not ready; requests that still come are served. */
  startDraining(): void {
    this.#draining = true;
  }

  async ready(): Promise<Readiness> {
    const results = await Promise.all(this.#checks.map(async (one) => [one.name, await stateOf(one)] as const));
    const checks = Object.fromEntries(results);
    if (this.#draining) return { status: 'draining', checks };
    return { status: results.every(([, state]) => state !== 'failed') ? 'ready' : 'unready', checks };
  }
}
