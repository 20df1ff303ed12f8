import { Controller } from '@nestjs/common';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { healthPage, PAGE_POLICY } from './health-page.adapter.js';
import { SystemHealthView } from './system-health.contract.js';
import { SystemHealth } from './system-health.handler.js';

const HTML = 'text/html; charset=utf-8';

/** For platform operators: what is broken, and whether to wake someone. */
@Controller('admin/system')
export class SystemHealthController {
  constructor(private readonly health: SystemHealth) {}

  @Endpoint('GET /health.json', {
    does: 'Say of each component whether it is well, with its figures',
    role: 'admin',
    rate: 'ops',
    recovery: true,
    returns: SystemHealthView,
    refuses: [httpErrors.forbidden],
  })
  json(@Caller() caller: CallerContext): Promise<SystemHealthView> {
    forOperators(caller);
    return this.health.view();
  }

  @Endpoint('GET /health', {
    does: 'Show the same as a page',
    role: 'admin',
    rate: 'ops',
    recovery: true,
    bare: true,
    produces: [HTML],
    refuses: [httpErrors.forbidden],
  })
  async page(@Caller() caller: CallerContext): Promise<string> {
    forOperators(caller);
    caller.setHeader('content-type', HTML);
    caller.setHeader('content-security-policy', PAGE_POLICY);
    caller.setHeader('cache-control', 'no-store');
    return healthPage(await this.health.view());
  }
}

function forOperators(caller: CallerContext): void {
  if (!caller.platformOperator) throw new CatalogueError(httpErrors.forbidden);
}
