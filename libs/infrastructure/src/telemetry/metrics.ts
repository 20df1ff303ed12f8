import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';

export { Counter, Gauge, Histogram, Registry } from 'prom-client';

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10];

/** One answer: its route is the pattern of its endpoint, so that labels are bounded by the endpoints and not by what clients send. */
export interface Answered {
  readonly method: string;
  readonly route: string;
  readonly status: string;
  /** Seconds from the first byte of the request to the last of the answer; undefined for streams. */
  readonly seconds: number | undefined;
}

/** The metrics of one process. Other parts register their own on `registry`. */
export interface Metrics {
  readonly registry: Registry;
  answered(answer: Answered): void;
  readonly requestsInFlight: Gauge;
  readonly errors: Counter<'type' | 'code'>;
  readonly rateLimited: Counter<'scope' | 'route_class'>;
  readonly quotaBlocked: Counter<'period' | 'metric'>;
}

const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'HEAD', 'OPTIONS']);

function requestMetrics(registers: Registry[]): (answer: Answered) => void {
  const total = new Counter({
    name: 'http_requests_total',
    help: 'Answers by method, route and status; addresses without an endpoint are one route',
    labelNames: ['method', 'route', 'status'],
    registers,
  });
  const duration = new Histogram({
    name: 'http_request_duration_seconds',
    help: 'Time from the first byte of a request to the last of its answer; streams are left out',
    labelNames: ['method', 'route'],
    buckets: SECONDS,
    registers,
  });
  return ({ method: asked, route, status, seconds }) => {
    const method = METHODS.has(asked) ? asked : 'other';
    total.inc({ method, route, status });
    if (seconds !== undefined) duration.observe({ method, route }, seconds);
  };
}

/** A registry of its own, so that two applications in one process do not share counters. Durations are seconds. */
export function createMetrics(options: { processMetrics?: boolean } = {}): Metrics {
  const registry = new Registry();
  if (options.processMetrics !== false) collectDefaultMetrics({ register: registry });
  const registers = [registry];
  return {
    registry,
    answered: requestMetrics(registers),
    requestsInFlight: new Gauge({ name: 'http_requests_in_flight', help: 'Requests being answered', registers }),
    errors: new Counter({
      name: 'http_errors_total',
      help: 'Error answers by kind and code',
      labelNames: ['type', 'code'],
      registers,
    }),
    rateLimited: new Counter({
      name: 'rate_limited_total',
      help: 'Requests over a rate limit, by whose bucket was empty and the class of the endpoint',
      labelNames: ['scope', 'route_class'],
      registers,
    }),
    quotaBlocked: new Counter({
      name: 'quota_blocked_total',
      help: 'Requests over a quota that is enforced',
      labelNames: ['period', 'metric'],
      registers,
    }),
  };
}

/** Shows whether each store answers, asked when metrics are read: 1 or 0. */
export function observeDependencies(
  metrics: Metrics,
  checks: readonly { readonly component: string; readonly answers: () => Promise<boolean> }[],
): void {
  new Gauge({
    name: 'dependency_up',
    help: 'Whether a store answers',
    labelNames: ['component'],
    registers: [metrics.registry],
    async collect() {
      const states = await Promise.all(
        checks.map(async ({ component, answers }) => [component, await answers()] as const),
      );
      for (const [component, up] of states) this.set({ component }, up ? 1 : 0);
    },
  });
}

/** Adds a gauge that is read when metrics are, e.g. the number of open streams. */
export function observeGauge(metrics: Metrics, name: string, help: string, read: () => number): void {
  new Gauge({
    name,
    help,
    registers: [metrics.registry],
    collect() {
      this.set(read());
    },
  });
}
