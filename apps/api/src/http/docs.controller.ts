import { Controller, Inject, Param } from '@nestjs/common';

import { CatalogueError } from '#domain/kernel/errors.js';

import { Caller } from './caller.js';
import type { CallerContext } from './caller.js';
import { Endpoint } from './endpoint.js';
import { httpErrors } from './errors.js';
import { DOCS_PAGE, DOCS_SCRIPT, docsAsset } from './openapi.js';

/** Gives the OpenAPI document once all routes are known. */
export class ApiDocument {
  #text: string | undefined;
  #build: () => object = () => ({});

  use(build: () => object): void {
    this.#build = build;
  }

  get text(): string {
    this.#text ??= JSON.stringify(this.#build());
    return this.#text;
  }
}

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; connect-src 'self'";

@Controller()
export class DocsController {
  constructor(@Inject(ApiDocument) private readonly document: ApiDocument) {}

  @Endpoint('GET /openapi.json', {
    does: 'Read the OpenAPI document',
    role: 'public',
    bare: true,
    hidden: true,
    legacy: false,
  })
  openApi(@Caller() caller: CallerContext): string {
    caller.setHeader('content-type', 'application/json; charset=utf-8');
    return this.document.text;
  }

  @Endpoint('GET /docs', {
    does: 'Read the documentation page',
    role: 'public',
    bare: true,
    hidden: true,
    legacy: false,
  })
  page(@Caller() caller: CallerContext): string {
    caller.setHeader('content-type', 'text/html; charset=utf-8');
    caller.setHeader('content-security-policy', POLICY);
    return DOCS_PAGE;
  }

  @Endpoint('GET /docs/assets/:name', {
    does: 'Read a part of the documentation page',
    role: 'public',
    bare: true,
    hidden: true,
    legacy: false,
  })
  asset(@Param('name') name: string, @Caller() caller: CallerContext): string | Buffer {
    if (name === 'start.js') {
      caller.setHeader('content-type', 'text/javascript; charset=utf-8');
      return DOCS_SCRIPT;
    }
    const asset = docsAsset(name);
    if (asset === undefined) throw new CatalogueError(httpErrors.notFound);
    caller.setHeader('content-type', asset.type);
    return asset.bytes;
  }
}
