import type { Provider } from '@nestjs/common';
import { runRows } from '#domain/capabilities/runs/runs.projection.js';
import { sessionRows } from '#domain/capabilities/sessions/sessions.projection.js';
import { bulkhead } from '#infra/config/models.js';
import { FairSlots } from '#infra/shared-state/fair-slots.js';
import type { AppDeps } from './app.module.js';
import { voiceOf } from './audio-providers.js';
import { EarlySearch } from './capabilities/runs/early-search.adapter.js';
import { RunAdmission } from './capabilities/runs/run-admission.handler.js';
import { RunPresence } from './capabilities/runs/run-presence.handler.js';
import { RunRescue } from './capabilities/runs/run-rescue.handler.js';
import { RunExecutor } from './capabilities/runs/runs.handler.js';
import { RunPlayback } from './capabilities/runs/runs.queries.js';
import { SessionHistory } from './capabilities/runs/session-history.queries.js';
import { Authorization } from './commands/authorization.js';
import { Features } from './commands/features.js';
import { ReadYourWrites } from './commands/read-your-writes.js';
import { Rollouts } from './commands/rollouts.js';

/** What a client may look a run up in as soon as it was told of it. */
const lists = [runRows.table, sessionRows.table];

/** What answers questions, and plays and rescues the answers. */
export function runProviders({ platform, answerer = platform.answerer }: AppDeps): Provider[] {
  const { config, content, database, path, shared, streams } = platform;
  const presence = new RunPresence(shared);
  const onError = (error: unknown): void => platform.options.onProblem(error, 'runs');
  const voice = voiceOf(platform);
  const history = new SessionHistory(database, content, path);
  const rescue = new RunRescue({ path, content, streams, voice, onError });
  const slots = new FairSlots({
    capacity: bulkhead(config.run.RUN_BULKHEAD_MAX_CONCURRENCY, config.run.RUN_MAX_CONCURRENCY),
    queue: config.run.RUN_QUEUE_MAX,
    waitMs: config.run.RUN_QUEUE_WAIT_MS,
  });
  const early = new EarlySearch(platform.retrieval, slots);
  const executor = (reads: ReadYourWrites): RunExecutor =>
    new RunExecutor({
      path,
      told: (tenantId, position) => reads.note(tenantId, lists, position),
      content,
      streams,
      presence,
      slots,
      search: platform.retrieval,
      answerer,
      voice,
      history: (input) => history.turns(input),
      settings: {
        heartbeatMs: config.run.RUN_SSE_HEARTBEAT_S * 1_000,
        graceMs: config.run.RUN_RESUME_GRACE_S * 1_000,
        debugEvents: config.run.DEBUG_EVENTS,
      },
      onError,
    });
  return [
    { provide: RunExecutor, inject: [ReadYourWrites], useFactory: executor },
    {
      provide: RunAdmission,
      inject: [Features, Rollouts, Authorization],
      useFactory: (features: Features, rollouts: Rollouts, authorization: Authorization) =>
        new RunAdmission(path, features, rollouts, authorization, early),
    },
    { provide: RunRescue, useValue: rescue },
    { provide: RunPlayback, useValue: new RunPlayback(streams, presence, rescue, path, content) },
  ];
}
