import 'reflect-metadata';

import { Body, Controller, Module, Param, Query } from '@nestjs/common';

import type { AccessEvent } from '#domain/capabilities/access/access.events.js';
import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import { loadConfig } from '#infra/config/config.js';
import { LogUnavailable, WriterFenced } from '#infra/event-log/event-log.js';
import { createLogger } from '#infra/telemetry/logger.js';
import { createMetrics } from '#infra/telemetry/metrics.js';
import { closeGracefully, createApi, listen } from '#api/api.module.js';
import type { ApiDeps } from '#api/api.module.js';
import { Caller } from '#api/http/caller.js';
import type { CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import type { AccessLog } from '#api/http/gates.js';
import { Stream } from '#api/http/events-param.js';
import { Field } from '#api/http/fields.js';
import { decodeCursor, encodeCursor, Page, PageQuery } from '#api/http/paging.js';
import type { AuthAttempt, Authenticator, Principal } from '#api/http/principal.js';
import type { StreamOpener } from '#api/http/sse.js';
import { Upload } from '#api/http/upload.js';
import type { UploadedFile } from '#api/http/upload.js';

export const boxErrors = defineErrors('boxes', {
  full: ['conflict', 'BOX_FULL', 'The box is full.'],
});

export class Size {
  @Field.integer({ min: 1, max: 100 })
  width!: number;
}

export class NewBox {
  @Field.string({ does: 'What is written on the box', min: 1, max: 20, example: 'apples' })
  label!: string;

  @Field.enum(['wood', 'steel'], { default: 'wood' })
  material!: 'wood' | 'steel';

  @Field.object(() => Size, { optional: true })
  size?: Size;

  @Field.list(() => Size, { optional: true, maxItems: 2 })
  parts?: Size[];

  @Field.strings({ optional: true, maxLength: 5 })
  tags?: string[];

  @Field.instant({ optional: true })
  packed_at?: string;

  @Field.number({ optional: true })
  weight?: number;
}

export class BoxPatch {
  @Field.string({ max: 20, optional: true, nullable: true })
  note?: string | null;
}

export class BoxView {
  @Field.string()
  id!: string;

  @Field.json({ nullable: true })
  seen!: object | null;
}

export class BoxQuery extends PageQuery {
  @Field.boolean({ optional: true })
  empty?: boolean;
}

/** Counts what really ran, to see what a replay did not. */
export const ran = { creations: 0 };

const failures: Record<string, () => Error> = {
  conflict: () => new CatalogueError(boxErrors.full, { holds: 3 }),
  unknown: () => new Error('the password is hunter2'),
  log: () => new LogUnavailable('queue is full', 2_500),
  database: () => Object.assign(new Error('terminating connection of app@db.internal'), { code: '57P01' }),
  fenced: () => new WriterFenced('frozen'),
};

@Controller('boxes')
export class BoxesController {
  @Endpoint('GET /', { does: 'List boxes', role: 'reader', returns: [BoxView] })
  list(@Query() query: BoxQuery): Page<BoxView> {
    const from = Number(decodeCursor(query.cursor, { empty: query.empty })?.[0] ?? 0);
    const rows = Array.from({ length: 5 - from }, (_, at) => ({ id: String(from + at), seen: { ...query } }));
    return Page.of(rows, query.limit, {
      view: (row) => row,
      cursor: (row) => encodeCursor([Number(row.id) + 1], { empty: query.empty }),
    });
  }

  @Endpoint('GET /:id', { does: 'Read a box', role: 'reader', returns: BoxView })
  get(@Param('id') id: string, @Caller() caller: CallerContext): BoxView {
    return { id, seen: { tenant: caller.tenantId, facts: caller.facts, ip: caller.ip, trace: caller.traceparent } };
  }

  @Endpoint('POST /', { does: 'Make a box', role: 'editor', returns: BoxView, status: 201, refusesTenantId: true })
  make(@Body() body: NewBox, @Caller() caller: CallerContext): Promise<BoxView> {
    ran.creations += 1;
    if (body.label === 'boom') throw new CatalogueError(boxErrors.full);
    if (body.label === 'known') caller.setStatus(200);
    caller.setHeader('x-made', caller.facts.newId);
    return Promise.resolve({ id: caller.facts.newId, seen: { ...body } });
  }

  @Endpoint('PATCH /:id', { does: 'Change a box', role: 'editor', returns: BoxView })
  change(@Param('id') id: string, @Body() body: BoxPatch): BoxView {
    return { id, seen: { given: Object.keys(body), note: body.note ?? 'nothing' } };
  }

  @Endpoint('DELETE /:id', { does: 'Destroy a box', role: 'admin' })
  destroy(): void {
    ran.creations += 1;
  }

  @Endpoint('GET /:id/fail/:how', { does: 'Fail', role: 'public', refuses: [boxErrors.full] })
  fail(@Param('how') how: string): never {
    throw failures[how]?.() ?? new CatalogueError(httpErrors.notFound);
  }

  @Endpoint('POST /files', { does: 'Upload a file', role: 'editor', returns: BoxView, upload: { maxBytes: 2_000 } })
  upload(@Upload() file: UploadedFile, @Body() body: BoxPatch): BoxView {
    return { id: file.filename, seen: { note: body.note, bytes: file.size, sha256: file.sha256 } };
  }

  @Endpoint('GET /hidden/thing', { does: 'Be v1 only', role: 'public', legacy: false, returns: BoxView })
  v1Only(): BoxView {
    return { id: 'v1', seen: null };
  }
}

@Controller('streams')
export class StreamsController {
  static lastSignal: AbortSignal | undefined;
  static written = 0;

  @Endpoint('GET /count/:to', { does: 'Count in a stream', role: 'reader', stream: true })
  async count(@Param('to') to: string, @Stream() stream: StreamOpener): Promise<void> {
    if (to === 'refused') throw new CatalogueError(boxErrors.full);
    const sse = stream.open({ headers: { 'x-sla-status': '' } });
    StreamsController.lastSignal = sse.signal;
    for (let seq = 1; seq <= Number(to); seq += 1)
      await sse.send({ event: 'message', id: seq, data: { seq, text: 'é' } });
    sse.end();
  }

  @Endpoint('GET /silent', { does: 'Say nothing but heartbeats', role: 'reader', stream: true })
  silent(@Stream() stream: StreamOpener): void {
    let seq = 0;
    const heartbeat = () => ({ event: 'heartbeat', id: (seq += 1), data: { seq } });
    StreamsController.lastSignal = stream.open({ heartbeatMs: 5, heartbeat }).signal;
  }

  @Endpoint('GET /flood', { does: 'Write for ever', role: 'reader', stream: true })
  async flood(@Stream() stream: StreamOpener): Promise<void> {
    const sse = stream.open();
    StreamsController.lastSignal = sse.signal;
    StreamsController.written = 0;
    const data = 'x'.repeat(65_536);
    while (await sse.send({ event: 'message', id: 1, data })) StreamsController.written += data.length;
  }
}

@Module({ controllers: [BoxesController, StreamsController] })
export class BoxesModule {}

/** Takes `Bearer <role>`, or `Bearer <role>:<actor>` to be someone else. */
export class RoleAuthenticator implements Authenticator {
  authenticate(attempt: AuthAttempt): Principal | Promise<Principal> {
    const [role, actor = 'k1'] = attempt.headers.authorization?.replace('Bearer ', '').split(':') ?? [];
    if (role !== 'reader' && role !== 'editor' && role !== 'admin') throw new CatalogueError(httpErrors.unauthorized);
    const who = { subjectId: 'u1', tenantId: 't1', role, apiKeyId: actor, authMethod: 'api_key' } as const;
    const principal = { ...who, groups: [], platformOperator: false };
    return actor === 'slow' ? Promise.resolve(principal) : principal;
  }
}

/** Keeps what it is told. */
export class ListedAccess implements AccessLog {
  readonly events: AccessEvent[] = [];

  record(event: AccessEvent): void {
    this.events.push(event);
  }

  recorded(event: AccessEvent): Promise<void> {
    this.events.push(event);
    return Promise.resolve();
  }
}

export interface Started {
  readonly url: string;
  readonly access: ListedAccess;
  readonly lines: string[];
  readonly app: Awaited<ReturnType<typeof createApi>>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
  send(method: string, path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  close(graceMs?: number): Promise<void>;
}

/** A listening application around the controllers above; `as` names the role of every call that brings no other. */
export async function start(deps: Partial<ApiDeps> = {}, env: Record<string, string> = {}): Promise<Started> {
  const config = loadConfig({ env: { PORT: '0', MAX_REQUEST_BYTES: '4096', ...env }, readFile: () => undefined });
  const access = new ListedAccess();
  const lines: string[] = [];
  const app = await createApi({
    http: config.http,
    metricsToken: config.telemetry.METRICS_TOKEN,
    logger: createLogger({ level: 'debug', destination: { write: (line) => lines.push(line) } }),
    metrics: createMetrics({ processMetrics: false }),
    authenticator: new RoleAuthenticator(),
    access,
    readiness: [],
    imports: [BoxesModule],
    version: '0.0.0-test',
    ...deps,
  });
  const url = await listen(app, config.http);
  const as = { authorization: 'Bearer admin' };
  return {
    url,
    access,
    lines,
    app,
    get: (path, headers = {}) => fetch(`${url}${path}`, { headers: { ...as, ...headers }, redirect: 'manual' }),
    send: (method, path, body, headers = {}) =>
      fetch(`${url}${path}`, {
        method,
        headers: { ...as, 'content-type': 'application/json', ...headers },
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    close: (graceMs = 0) => closeGracefully(app, graceMs),
  };
}
