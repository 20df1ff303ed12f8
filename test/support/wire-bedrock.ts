import { WireServer, type WireRequest } from './wire-server.js';

/** A passage as Bedrock gives it; its tests say what it holds. */
export type BedrockResult = Readonly<Record<string, unknown>>;

export interface WireBedrock {
  readonly wire: WireServer;
  /** Given to every question. */
  results: BedrockResult[];
  /** The questions so far, as JSON. */
  readonly asked: readonly WireRequest[];
}

/** Bedrock's agent runtime on the wire: `Retrieve` of any knowledge base. */
export async function openWireBedrock(): Promise<WireBedrock> {
  const bedrock: { results: BedrockResult[] } = { results: [] };
  const wire = await WireServer.open({
    'POST /knowledgebases/*/retrieve': () => ({ json: { retrievalResults: bedrock.results } }),
  });
  return Object.assign(bedrock, { wire, asked: wire.requests });
}

/** How Bedrock says no. */
export function bedrockRefusal(status: number, type: string, headers: Readonly<Record<string, string>> = {}) {
  return { status, headers: { 'x-amzn-errortype': type, ...headers }, json: { message: 'told to' } } as const;
}
