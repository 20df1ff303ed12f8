import type { Provider } from '@nestjs/common';
import { HttpAdapterHost } from '@nestjs/core';
import type { AppDeps } from './app.module.js';
import { EventStreams } from './capabilities/event-stream/event-stream.handler.js';
import { RunExecutor } from './capabilities/runs/runs.handler.js';
import { platformChecks } from './capabilities/system-health/platform-checks.adapter.js';
import { SystemHealth } from './capabilities/system-health/system-health.handler.js';
import { workChecks } from './capabilities/system-health/work-checks.adapter.js';
import { EdgeAdapter } from './http/edge-adapter.js';

/** The health of the whole system, as one api process sees it. */
export function systemHealthProvider({ platform, ledgers, gates, answerer }: AppDeps): Provider {
  return {
    provide: SystemHealth,
    inject: [HttpAdapterHost, RunExecutor, EventStreams],
    useFactory: (host: HttpAdapterHost, runs: RunExecutor, events: EventStreams) => {
      const streams = () => {
        const { open, sent, dropped } = events.stats();
        const sse_open = host.httpAdapter instanceof EdgeAdapter ? host.httpAdapter.streams.size : 0;
        return {
          sse_open,
          runs_in_flight: runs.inFlight,
          event_streams: open,
          events_sent: sent,
          drops: dropped,
        };
      };
      const { name: provider, configured } = answerer ?? platform.answerer;
      const model = { provider, configured };
      const work = { database: platform.database, model, streams, access: () => gates.access.stats };
      return new SystemHealth({
        process: platform.processId,
        checks: [...platformChecks(platform, ledgers.domain), ...workChecks(work)],
        onError: (error, component) => platform.options.onProblem(error, `health of ${component}`),
      });
    },
  };
}
