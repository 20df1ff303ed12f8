import { ApiError, GoogleGenAI, type EmbedContentResponse } from '@google/genai';
import { retryDelayMs } from '#infra/shared-state/retry-after.js';
import { EmbeddingFault, faultOfStatus } from './embedding-errors.js';
import type { EmbeddingAnswer, EmbeddingWire, Purpose } from './remote-embedder.js';

export interface VertexWireOptions {
  readonly project: string;
  readonly location: string;
  readonly model: string;
  /** A file of Google credentials; the machine's own when undefined. */
  readonly credentialsFile: string | undefined;
  /** In place of the location's service endpoint. */
  readonly endpoint: string | undefined;
  /** Asked for by name; undefined leaves it to the model. */
  readonly dimensions: number | undefined;
}

const taskOf = { document: 'RETRIEVAL_DOCUMENT', query: 'RETRIEVAL_QUERY' } as const;

/** Embedding models of Vertex AI, through the official client. */
export class VertexWire implements Pick<EmbeddingWire, 'request'> {
  private readonly client: GoogleGenAI;

  constructor(private readonly options: VertexWireOptions) {
    const { project, location, credentialsFile, endpoint } = options;
    // The file is the operator's own, so that what kind of credentials it holds is for the operator to say.
    const ownFile = { keyFilename: credentialsFile };
    // Without retry options the client tries once: repetition is `Outbound`'s.
    this.client = new GoogleGenAI({
      vertexai: true,
      project,
      location,
      ...(credentialsFile === undefined ? {} : { googleAuthOptions: ownFile as object }),
      ...(endpoint === undefined ? {} : { httpOptions: { baseUrl: endpoint } }),
    });
  }

  async request(texts: readonly string[], purpose: Purpose, abortSignal: AbortSignal): Promise<EmbeddingAnswer> {
    const { model, dimensions } = this.options;
    const config = {
      taskType: taskOf[purpose],
      // The model cuts what it can not read, and says so, which is counted.
      autoTruncate: true,
      abortSignal,
      ...(dimensions === undefined ? {} : { outputDimensionality: dimensions }),
    };
    return answerOf(await this.client.models.embedContent({ model, contents: [...texts], config }).catch(refused));
  }
}

function refused(error: unknown): never {
  const text = error instanceof Error ? error.message : String(error);
  if (error instanceof ApiError) throw faultOfStatus(error.status, text, error, retryDelayMs(text));
  throw new EmbeddingFault(isOfCredentials(error) ? 'auth' : 'failing', error);
}

/** Credentials that are missing, or that their issuer refuses; an issuer that does not answer is another matter. */
function isOfCredentials(error: unknown): boolean {
  const {
    message = '',
    status,
    response,
  } = (error ?? {}) as {
    readonly message?: string;
    readonly status?: number;
    readonly response?: { readonly status?: number };
  };
  const answered = response?.status ?? status;
  if (typeof answered === 'number') return answered >= 400 && answered < 500;
  return /credential|ENOENT|not a file/i.test(message);
}

function answerOf({ embeddings }: EmbedContentResponse): EmbeddingAnswer {
  if (!Array.isArray(embeddings)) throw new EmbeddingFault('failing', new Error('the answer holds no vectors'));
  let tokens = 0;
  let truncated = 0;
  const vectors = embeddings.map(({ values, statistics }) => {
    tokens += statistics?.tokenCount ?? 0;
    if (statistics?.truncated === true) truncated += 1;
    return (values ?? []).map((value: unknown) => (typeof value === 'number' ? value : Number.NaN));
  });
  return { vectors, tokens: tokens > 0 ? tokens : undefined, truncated };
}
