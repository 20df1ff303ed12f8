import { Controller, Param, Query } from '@nestjs/common';
import { authErrors } from '#domain/capabilities/api-keys/auth-errors.decider.js';
import { audioErrors } from '#domain/capabilities/audio/audio.decider.js';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { AudioQuery } from './audio.contract.js';
import { AudioFiles } from './audio.queries.js';
import { rangeOf } from './byte-range.adapter.js';

@Controller('audio')
export class AudioController {
  constructor(private readonly files: AudioFiles) {}

  @Endpoint('GET /:audioId.mp3', {
    does: 'Hear a spoken answer, by its signed address, or as who may read its run; by HEAD and in ranges too',
    role: 'public',
    credential: 'optional',
    bare: true,
    produces: ['audio/mpeg'],
    also: [206, 304],
    refuses: [
      ...Object.values(audioErrors),
      httpErrors.unauthorized,
      httpErrors.forbidden,
      authorizationErrors.deniedByPolicy,
      ...Object.values(authErrors),
      httpErrors.rateLimited,
    ],
  })
  async hear(
    @Param('audioId') audioId: string,
    @Query() query: AudioQuery,
    @Caller() caller: CallerContext,
  ): Promise<Buffer> {
    const { bytes, etag } = await this.files.find(audioId, query, caller);
    const whole = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    caller.setHeader('etag', etag);
    caller.setHeader('accept-ranges', 'bytes');
    caller.setHeader('cache-control', 'private, max-age=3600, immutable');
    if (caller.header('if-none-match')?.includes(etag) === true) {
      caller.setStatus(304);
      return Buffer.alloc(0);
    }
    caller.setHeader('content-type', 'audio/mpeg');
    // A range of another audio than the client has the rest of is of no use to it.
    const same = (caller.header('if-range') ?? etag) === etag;
    const range = same ? rangeOf(caller.header('range'), whole.length) : undefined;
    if (range === undefined) return whole;
    if (range === 'none') {
      caller.setHeader('content-range', `bytes */${whole.length}`);
      throw new CatalogueError(audioErrors.rangeNotSatisfiable);
    }
    caller.setStatus(206);
    caller.setHeader('content-range', `bytes ${range.first}-${range.last}/${whole.length}`);
    return whole.subarray(range.first, range.last + 1);
  }
}
