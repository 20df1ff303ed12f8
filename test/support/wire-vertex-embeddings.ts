import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { HashingEmbedder } from '#infra/adapters/embedding/hashing-embedder.js';
import { WireServer, type WireAnswer, type WireRequest } from './wire-server.js';

export type VertexFlaw = 'dimension' | 'null' | 'few';

interface Asked {
  readonly instances: readonly { readonly content: string; readonly task_type?: string }[];
  readonly parameters?: { readonly outputDimensionality?: number; readonly autoTruncate?: boolean };
}

const PREDICT = /^\/v1(?:beta1)?\/projects\/p1\/locations\/europe-west4\/publishers\/google\/models\/([^/:]+):predict$/;
const TOKEN = 'ya29.wire';

/** A local service of Vertex AI's prediction API, and the token service of a workload that Google trusts. */
export class VertexEmbeddings {
  readonly flaws: VertexFlaw[] = [];
  /** Whether the token service gives a token. */
  trusted = true;

  private constructor(
    readonly server: WireServer,
    /** A credentials file whose tokens come from this service. */
    readonly credentialsFile: string,
    private readonly folder: string,
  ) {}

  static async open(): Promise<VertexEmbeddings> {
    const holder: { opened?: VertexEmbeddings } = {};
    const server = await WireServer.open({
      'POST /token': () => holder.opened?.token() ?? { status: 503, json: {} },
      'POST /*': (request) => holder.opened?.answer(request) ?? { status: 503, json: {} },
    });
    const folder = await mkdtemp(join(tmpdir(), 'vertex-'));
    const subject = join(folder, 'subject');
    const file = join(folder, 'credentials.json');
    await writeFile(subject, 'the proof of a workload');
    await writeFile(
      file,
      JSON.stringify({
        type: 'external_account',
        audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/own',
        subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
        token_url: `${server.url}/token`,
        credential_source: { file: subject },
      }),
    );
    holder.opened = new VertexEmbeddings(server, file, folder);
    return holder.opened;
  }

  /** The bodies of the predictions that were asked for, in order. */
  get asked(): readonly Asked[] {
    return this.server.requests.filter(({ path }) => PREDICT.test(path)).map(({ json }) => json as Asked);
  }

  async close(): Promise<void> {
    await this.server.close();
    await rm(this.folder, { recursive: true, force: true });
  }

  private token(): WireAnswer {
    if (!this.trusted) return { status: 401, json: { error: 'invalid_client', error_description: 'not known here' } };
    const issued = { access_token: TOKEN, token_type: 'Bearer', expires_in: 3_600 };
    return { json: { ...issued, issued_token_type: 'urn:ietf:params:oauth:token-type:access_token' } };
  }

  private async answer({ path, headers, json }: WireRequest): Promise<WireAnswer> {
    const model = PREDICT.exec(path)?.[1];
    if (model !== 'text-embedding-004') return refusal(404, 'NOT_FOUND', `Publisher Model ${model ?? path} not found.`);
    if (headers.authorization !== `Bearer ${TOKEN}`) return refusal(401, 'UNAUTHENTICATED', 'Invalid credentials.');
    const { instances, parameters } = json as Asked;
    const flaw = this.flaws.shift();
    const dimension = (parameters?.outputDimensionality ?? 768) - (flaw === 'dimension' ? 1 : 0);
    const vectors = await new HashingEmbedder({ dimension }).embed(instances.map(({ content }) => content));
    const predictions = vectors.map((vector, at) => ({
      embeddings: {
        values: flaw === 'null' ? [null, ...vector.subarray(1)] : [...vector],
        statistics: { truncated: (instances[at]?.content.length ?? 0) > 6_000, token_count: 3 },
      },
    }));
    if (flaw === 'few') predictions.pop();
    return { json: { predictions } };
  }
}

function refusal(code: number, status: string, message: string): WireAnswer {
  return { status: code, json: { error: { code, status, message } } };
}
