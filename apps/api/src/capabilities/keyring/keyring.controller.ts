import { Controller, Param, Query } from '@nestjs/common';
import { keyringErrors } from '#domain/capabilities/keyring/keyring.decider.js';
import type { KeyPurpose } from '#domain/capabilities/keyring/keyring.events.js';
import { platformKeyRows } from '#domain/capabilities/keyring/keyring.projection.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import type { Page } from '#api/http/paging.js';
import { KeyringQuery, PlatformKeyView, RotatedKeyView, RotateKeyQuery } from './keyring.contract.js';
import { KeyringAdministration } from './keyring.handler.js';
import { KeyringQueries } from './keyring.queries.js';

const waitsFor = [platformKeyRows.table];

/** Keys of the platform for its operators, and of their own tenant for other admins; one handler at two addresses. */
@Controller(['admin/keyring', 'admin/keys'])
export class KeyringController {
  constructor(
    private readonly administration: KeyringAdministration,
    private readonly queries: KeyringQueries,
  ) {}

  @Endpoint('GET /', { does: 'List the keys, newest first', role: 'admin', returns: [PlatformKeyView] })
  list(@Query() query: KeyringQuery, @Caller() caller: CallerContext): Promise<Page<PlatformKeyView>> {
    return this.queries.list(query, caller);
  }

  @Endpoint('POST /rotate', {
    does: 'Put a new key in force and show its secret once; the one before it goes on verifying',
    role: 'admin',
    recovery: true,
    audit: 'security.keyring.rotated',
    returns: RotatedKeyView,
    waitsFor,
    refuses: [keyringErrors.notConfigured, keyringErrors.disabled],
  })
  rotate(@Query() query: RotateKeyQuery, @Caller() caller: CallerContext): Promise<RotatedKeyView> {
    return this.administration.rotate(query.purpose.toLowerCase() as KeyPurpose, caller);
  }

  @Endpoint('POST /:keyId/retire', {
    does: 'Retire a key: it signs and verifies no more',
    role: 'admin',
    recovery: true,
    audit: 'security.keyring.retired',
    returns: PlatformKeyView,
    waitsFor,
    refuses: [keyringErrors.notFound],
  })
  retire(@Param('keyId') keyId: string, @Caller() caller: CallerContext): Promise<PlatformKeyView> {
    return this.administration.retire(keyId, caller);
  }
}
