import { Body, Controller, Get, Module } from '@nestjs/common';

import { Endpoint } from '#api/http/endpoint.js';
import { endpointTable, renderEndpointsPage } from '#api/http/openapi.js';

import { BoxView, start } from './fixture.js';

@Controller('open')
class OpenController {
  @Get('door')
  door(): string {
    return 'anyone may come in';
  }
}

@Module({ controllers: [OpenController] })
class OpenModule {}

class Shapeless {}

@Controller('shapeless')
class ShapelessController {
  @Endpoint('POST /', { does: 'Take anything', role: 'admin' })
  take(@Body() body: Shapeless): unknown {
    return body;
  }
}

@Module({ controllers: [ShapelessController] })
class ShapelessModule {}

class LyingController {
  // @ts-expect-error The handler returns something else than it declares.
  @Endpoint('GET /', { does: 'Read a box', role: 'reader', returns: BoxView })
  box(): { name: string } {
    return { name: 'not a box' };
  }
}

describe('an endpoint', () => {
  it('does not compile when its handler returns something else than it declares', () => {
    expect(new LyingController().box()).toEqual({ name: 'not a box' });
  });
});

describe('the boot', () => {
  it('is refused when a route has no policy', async () => {
    await expect(start({ imports: [OpenModule] })).rejects.toThrow('GET /v1/open/door has no policy');
  });

  it('is refused when a body has no declared fields', async () => {
    await expect(start({ imports: [ShapelessModule] })).rejects.toThrow(
      'ShapelessController.take takes a body of a class without fields',
    );
  });

  it('knows every endpoint with its policy', async () => {
    const server = await start();
    const rows = endpointTable(server.app);
    expect(rows).toContainEqual({
      verb: 'POST',
      path: '/v1/boxes',
      role: 'editor',
      quota: '',
      rate: 'mutation',
      feature: '',
      audit: '',
      idempotent: true,
      does: 'Make a box',
    });
    expect(renderEndpointsPage(rows)).toContain('| GET | `/v1/health` | public |');
    await server.close();
  });
});
