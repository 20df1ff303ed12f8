import { Counter, Gauge, Histogram } from 'prom-client';
import { pipeline, type Step } from '#api/http/pipeline.js';
import { AccessRecorder } from '#infra/access-log/access-recorder.js';

/**
 * The product without rate limits, quotas, entitlements, access records and metrics, to measure what they cost: their steps
 * and calls are taken out before it starts. Takes the arguments of `nexusrag`.
 */
const without = new Set(['rate limit', 'feature', 'quota']);
const steps = pipeline as Step[];
steps.splice(0, steps.length, ...steps.filter(({ name }) => !without.has(name)));
AccessRecorder.prototype.record = () => undefined;
AccessRecorder.prototype.recorded = () => Promise.resolve();
for (const metric of [Counter, Gauge]) metric.prototype.inc = () => undefined;
Gauge.prototype.dec = () => undefined;
Histogram.prototype.observe = () => undefined;
await import('#cli/main.js');
