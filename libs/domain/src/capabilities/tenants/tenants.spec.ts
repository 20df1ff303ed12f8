import { recorded, specify } from '../../kernel/testing/given.js';
import { foldRow } from '../../kernel/projection.js';
import { tenantErrors, tenants } from './tenants.decider.js';
import { tenantRows } from './tenants.projection.js';

const register = { type: 'RegisterTenant', data: { tenantId: 't1', name: 'Demo' } } as const;
const registered = { type: 'TenantRegistered', data: { tenantId: 't1', name: 'Demo' } } as const;

describe('a tenant', () => {
  it('is registered once', () => {
    specify(tenants).given().when(register).then(registered);
    specify(tenants).given(registered).when(register).thenNothing();
  });

  it('is refused an id that could break a stream name', () => {
    specify(tenants)
      .given()
      .when({ type: 'RegisterTenant', data: { tenantId: 'a-b.c', name: 'x' } })
      .refuses(tenantErrors.invalidId);
  });

  it('has a row with its name', () => {
    expect(foldRow(tenantRows, recorded(registered), undefined)).toMatchObject({
      id: 't1',
      tenant_id: 't1',
      name: 'Demo',
    });
  });
});
