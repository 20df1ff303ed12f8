import { WireServer, type WireRequest } from './wire-server.js';

export interface WireRerank {
  readonly wire: WireServer;
  readonly url: string;
  readonly asked: readonly WireRequest[];
  /** How good a text is; the longer the better unless told otherwise. */
  judge: (text: string) => number;
}

/** A `/rerank` endpoint of the common form, which also understands Text Embeddings Inference. */
export async function openWireRerank(): Promise<WireRerank> {
  const state = { judge: (text: string): number => Math.min(1, text.length / 1_000) };
  const wire = await WireServer.open({
    'POST /rerank': ({ json }) => {
      const { documents, texts } = json as {
        readonly documents?: readonly string[];
        readonly texts?: readonly string[];
      };
      const scored = (documents ?? texts ?? []).map((text, index) => ({ index, score: state.judge(text) }));
      const best = scored.sort((a, b) => b.score - a.score);
      if (texts !== undefined) return { json: best };
      return { json: { results: best.map(({ index, score }) => ({ index, relevance_score: score })) } };
    },
  });
  return Object.assign(state, { wire, url: `${wire.url}/rerank`, asked: wire.requests });
}
