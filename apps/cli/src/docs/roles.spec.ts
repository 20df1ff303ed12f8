import { plansTable, rolesTable } from './roles.js';

describe('the table of roles', () => {
  it('says in one line an area which role may do what, and with which feature', () => {
    const text = rolesTable([
      { verb: 'GET', path: 'documents', role: 'reader', feature: undefined },
      { verb: 'GET', path: 'documents/:id', role: 'reader', feature: undefined },
      { verb: 'POST', path: 'documents', role: 'editor', feature: undefined },
      { verb: 'PATCH', path: 'admin/plans/:tenantId', role: 'admin', feature: 'feature.x' },
      { verb: 'GET', path: 'health', role: 'public', feature: undefined },
    ]);
    expect(text.split('\n').slice(2)).toEqual([
      '| `admin/plans` |  |  |  | PATCH | `feature.x` |',
      '| `documents` |  | GET | POST |  |  |',
      '| `health` | GET |  |  |  |  |',
      '',
    ]);
  });
});

describe('the table of plans', () => {
  it('has a line for each feature', () => {
    const text = plansTable();
    expect(text).toContain('| `feature.retrieval.gcp_vertex` | no | yes | yes |');
    expect(text.trim().split('\n')).toHaveLength(17);
  });
});
