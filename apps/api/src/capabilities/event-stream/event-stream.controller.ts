import { Controller, Query } from '@nestjs/common';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { Stream } from '#api/http/events-param.js';
import { StreamOpener } from '#api/http/sse.js';
import { readModelErrors } from '#infra/read-models/cursor.js';
import { EventStreamQuery } from './event-stream.contract.js';
import { EventStreams } from './event-stream.handler.js';

@Controller('admin/events')
export class EventStreamController {
  constructor(private readonly streams: EventStreams) {}

  @Endpoint('GET /stream', {
    does: 'Follow the domain log as it is written; `Last-Event-ID` resumes at any process',
    role: 'admin',
    rate: 'ops',
    feature: 'feature.audit_access',
    stream: true,
    refuses: [httpErrors.badRequest, httpErrors.unavailable, readModelErrors.invalidCursor],
  })
  follow(
    @Query() query: EventStreamQuery,
    @Caller() caller: CallerContext,
    @Stream() opener: StreamOpener,
  ): Promise<void> {
    return this.streams.follow(query, caller, opener);
  }
}
