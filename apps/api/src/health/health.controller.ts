import { timingSafeEqual } from 'node:crypto';

import { Controller, Inject } from '@nestjs/common';

import { CatalogueError } from '#domain/kernel/errors.js';

import { Caller } from '../http/caller.js';
import type { CallerContext } from '../http/caller.js';
import { Endpoint } from '../http/endpoint.js';
import { httpErrors } from '../http/errors.js';
import { Field } from '../http/fields.js';
import { Health } from './health.js';

export class HealthView {
  @Field.string({ example: 'ok' })
  status!: string;
}

export class ReadyView {
  @Field.enum(['ready', 'draining', 'unready'])
  status!: string;

  @Field.json({ does: 'Each store and whether it answers', example: { database: 'ok' } })
  checks!: Readonly<Record<string, string>>;
}

function sameText(left: string, right: string): boolean {
  const [a, b] = [Buffer.from(left), Buffer.from(right)];
  return a.length === b.length && timingSafeEqual(a, b);
}

const LOOPBACK = new Set(['127.0.0.1', '::1', '::ffff:127.0.0.1']);

@Controller()
export class HealthController {
  constructor(@Inject(Health) private readonly health: Health) {}

  @Endpoint('GET /health', { does: 'Say that the server answers', role: 'public', returns: HealthView })
  status(): HealthView {
    return { status: 'ok' };
  }

  @Endpoint('GET /healthz', {
    does: 'Say that the server answers, bare',
    role: 'public',
    returns: HealthView,
    bare: true,
  })
  statusBare(): HealthView {
    return { status: 'ok' };
  }

  @Endpoint('GET /health/live', { does: 'Say that the process is alive', role: 'public', returns: HealthView })
  live(): HealthView {
    return { status: 'ok' };
  }

  @Endpoint('GET /health/ready', {
    does: 'Say whether the server may be sent requests',
    role: 'public',
    returns: ReadyView,
    refuses: [httpErrors.unavailable],
  })
  async ready(): Promise<ReadyView> {
    const state = await this.health.ready();
    if (state.status !== 'ready') throw new CatalogueError(httpErrors.unavailable, { ...state });
    return state;
  }

  @Endpoint('GET /metrics', {
    does: 'Read the metrics in the Prometheus text form',
    role: 'public',
    bare: true,
    produces: ['text/plain'],
    refuses: [httpErrors.unauthorized, httpErrors.forbidden],
  })
  async metrics(@Caller() caller: CallerContext): Promise<string> {
    this.#mayReadMetrics(caller);
    caller.setHeader('content-type', this.health.metrics.registry.contentType);
    return this.health.metrics.registry.metrics();
  }

  /** Closed by default: the token when there is one, else only this machine and not through a proxy. */
  #mayReadMetrics(caller: CallerContext): void {
    const token = this.health.metricsToken?.reveal();
    if (token !== undefined) {
      if (!sameText(caller.header('authorization') ?? '', `Bearer ${token}`))
        throw new CatalogueError(httpErrors.unauthorized);
    } else if (!LOOPBACK.has(caller.ip) || caller.header('x-forwarded-for') !== undefined) {
      throw new CatalogueError(httpErrors.forbidden);
    }
  }
}
