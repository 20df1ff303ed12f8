import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { WireServer, type WireAnswer, type WireRequest } from './wire-server.js';

export interface GeminiRequest {
  readonly contents: readonly { readonly role: string; readonly parts: readonly { readonly text: string }[] }[];
  readonly systemInstruction?: { readonly parts: readonly { readonly text: string }[] };
  readonly generationConfig?: {
    readonly maxOutputTokens?: number;
    readonly temperature?: number;
    readonly topP?: number;
    readonly stopSequences?: readonly string[];
  };
}

/** What the model says, word by word, and how it ends. */
export interface GeminiSaid {
  readonly words: readonly string[];
  readonly finish?: string;
  /** What it thinks before it speaks. */
  readonly thought?: string;
  /** The prompt itself is not answered. */
  readonly blocked?: string;
  /** What it says that it counted, in place of counts. */
  readonly counted?: unknown;
}

const METHOD =
  /^\/v1(?:beta1)?\/projects\/p1\/locations\/europe-west4\/publishers\/google\/models\/([^/:]+):streamGenerateContent$/;
const TOKEN = 'ya29.wire';

/** A local service of Gemini on Vertex AI, and the token service of a workload that Google trusts. */
export class WireGemini {
  said: GeminiSaid = { words: [] };
  /** Whether the token service gives a token. */
  trusted = true;

  private constructor(
    readonly server: WireServer,
    /** A credentials file whose tokens come from this service. */
    readonly credentialsFile: string,
    private readonly folder: string,
  ) {}

  static async open(): Promise<WireGemini> {
    const holder: { opened?: WireGemini } = {};
    const server = await WireServer.open({
      'POST /token': () => holder.opened?.token() ?? { status: 503, json: {} },
      'POST /*': (request) => holder.opened?.answer(request) ?? { status: 503, json: {} },
    });
    const folder = await mkdtemp(join(tmpdir(), 'gemini-'));
    const subject = join(folder, 'subject');
    const file = join(folder, 'credentials.json');
    await writeFile(subject, 'the proof of a workload');
    const credentials = {
      type: 'external_account',
      audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/pool/providers/own',
      subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
      token_url: `${server.url}/token`,
      credential_source: { file: subject },
    };
    await writeFile(file, JSON.stringify(credentials));
    holder.opened = new WireGemini(server, file, folder);
    return holder.opened;
  }

  /** The bodies of the answers that were asked for, in order. */
  get asked(): readonly GeminiRequest[] {
    return this.server.requests.filter(({ path }) => METHOD.test(path)).map(({ json }) => json as GeminiRequest);
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

  private answer({ path, headers }: WireRequest): WireAnswer {
    const model = METHOD.exec(path)?.[1];
    if (model !== 'gemini-test') return refusal(404, 'NOT_FOUND', `Publisher Model ${model ?? path} not found.`);
    if (headers.authorization !== `Bearer ${TOKEN}`) return refusal(401, 'UNAUTHENTICATED', 'Invalid credentials.');
    const { words, finish = 'STOP', thought, blocked, ...rest } = this.said;
    const counted = {
      promptTokenCount: 210,
      cachedContentTokenCount: 100,
      candidatesTokenCount: 20,
      thoughtsTokenCount: 7,
      totalTokenCount: 237,
    };
    const usageMetadata = 'counted' in rest ? rest.counted : counted;
    const event = (body: object): string => `data: ${JSON.stringify(body)}\r\n\r\n`;
    if (blocked !== undefined) return { chunks: [event({ promptFeedback: { blockReason: blocked }, usageMetadata })] };
    const parts = [
      ...(thought === undefined ? [] : [{ text: thought, thought: true }]),
      ...words.map((text) => ({ text })),
    ];
    const spoken = parts.map((part) =>
      event({ candidates: [{ index: 0, content: { role: 'model', parts: [part] } }] }),
    );
    const last = { index: 0, content: { role: 'model', parts: [] }, finishReason: finish };
    return { chunks: [...spoken, event({ candidates: [last], usageMetadata })] };
  }
}

function refusal(code: number, status: string, message: string): WireAnswer {
  return { status: code, json: { error: { code, status, message } } };
}
