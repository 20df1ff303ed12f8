import { CatalogueError } from '#domain/kernel/errors.js';
import { loadConfig } from '#infra/config/config.js';
import { ExternalStores } from './external-stores.js';
import { retrievalErrors } from './retrieval-errors.js';

const bedrock = { provider: 'aws_bedrock_kb', region: 'eu-west-1', knowledge_base_id: 'KB1' };
const vertex = { provider: 'gcp_vertex', project: 'p', location: 'global', resource_id: 'docs' };

function allows(entries: readonly string[], tenantId: string, retrieval: Readonly<Record<string, string>>): boolean {
  try {
    new ExternalStores(entries).require(tenantId, retrieval);
    return true;
  } catch (error) {
    if (error instanceof CatalogueError && error.row === retrievalErrors.storeNotAllowed) return false;
    throw error;
  }
}

describe('the list of external stores', () => {
  it('lets nobody search any when it is empty, as it is by default', () => {
    expect(loadConfig({ env: {}, readFile: () => undefined }).retrieval.EXTERNAL_STORES_ALLOWED).toEqual([]);
    expect(allows([], 't1', bedrock)).toBe(false);
    expect(allows([], 't1', vertex)).toBe(false);
    expect(allows([], 't1', { provider: 'local_pgvector' })).toBe(true);
  });

  it.each([
    ['t1=aws_bedrock_kb/eu-west-1/KB1', true, false],
    ['*=aws_bedrock_kb/eu-west-1/KB1', true, false],
    ['t1=aws_bedrock_kb/*/KB1', true, false],
    ['t1=*', true, true],
    ['t1=gcp_vertex/p/global/docs', false, true],
    ['t1=gcp_vertex/p/*/*', false, true],
    ['t2=aws_bedrock_kb/eu-west-1/KB1', false, false],
    ['t1=aws_bedrock_kb/eu-west-1/KB', false, false],
    ['t1=aws_bedrock_kb/eu-west-2/KB1', false, false],
    ['t1=gcp_vertex/p/global/docs2', false, false],
  ])('%s lets t1 search Bedrock: %s, and Vertex AI: %s', (entry, ofBedrock, ofVertex) => {
    expect([allows([entry], 't1', bedrock), allows([entry], 't1', vertex)]).toEqual([ofBedrock, ofVertex]);
  });

  it('leaves a store that is not wholly named to the provider, which refuses it', () => {
    expect(allows([], 't1', { provider: 'aws_bedrock_kb', region: 'eu-west-1' })).toBe(true);
  });

  it.each(['KB1', 't1=KB1', 'T 1=*', 't1=aws_bedrock_kb/eu-west-1', 't1=gcp_vertex/p/global', 't1='])(
    'is refused at the start with %s in it',
    (entry) => {
      expect(() => loadConfig({ env: { EXTERNAL_STORES_ALLOWED: entry }, readFile: () => undefined })).toThrow(
        'EXTERNAL_STORES_ALLOWED',
      );
    },
  );
});
