import { Counter, observeGauge, type Metrics } from './metrics.js';

interface AccessStats {
  readonly stored: number;
  readonly dropped: number;
  readonly retried: number;
  readonly collapsed: number;
  readonly late: number;
  readonly waiting: number;
}

const OUTCOMES = ['stored', 'collapsed', 'dropped'] as const;

/** Shows what became of access events, how many wait, and how often a refusal was answered before it was stored. */
export function observeAccess(metrics: Metrics, recorder: { readonly stats: AccessStats }): Metrics {
  const registers = [metrics.registry];
  observeGauge(metrics, 'access_events_waiting', 'Access events that wait to be stored', () => recorder.stats.waiting);
  new Counter({
    name: 'access_events_total',
    help: 'Access events by what became of them: stored, counted as a repeat, or dropped for want of room or of a database',
    labelNames: ['outcome'],
    registers,
    collect() {
      this.reset();
      for (const outcome of OUTCOMES) this.inc({ outcome }, recorder.stats[outcome]);
    },
  });
  new Counter({
    name: 'access_events_dropped_total',
    help: 'Access events that were lost for want of room or of a database',
    registers,
    collect() {
      this.reset();
      this.inc(recorder.stats.dropped);
    },
  });
  new Counter({
    name: 'access_events_late_total',
    help: 'Refusals that were answered before they were stored',
    registers,
    collect() {
      this.reset();
      this.inc(recorder.stats.late);
    },
  });
  return metrics;
}
