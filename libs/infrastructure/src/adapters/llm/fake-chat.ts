import type { ChatModel, ChatPart } from './chat-model.js';

const WORDS = ['This ', 'is ', 'a ', 'fake ', 'response. '];

/** The fixed sentence of the contract, word by word; for tests of clients. */
export class FakeChat implements ChatModel {
  readonly provider = 'fake';
  readonly model = 'fake-v1';
  readonly integration = 'llm.fake';
  readonly contextTokens = 32_000;

  async *stream(): AsyncGenerator<ChatPart, void, undefined> {
    for (const text of WORDS) yield { text };
    yield { end: { finish: 'stop', tokens: undefined } };
  }
}
