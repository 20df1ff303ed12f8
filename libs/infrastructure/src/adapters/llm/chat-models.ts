import type { ChatModel } from './chat-model.js';
import { FakeChat } from './fake-chat.js';
import { GeminiChat } from './gemini-chat.js';
import { OpenAiChat } from './openai-chat.js';

/** The accounts at which models are asked; what is missing of one leaves its models unconfigured. */
export interface ChatAccounts {
  readonly contextTokens: number;
  readonly vertex: {
    readonly project: string | undefined;
    readonly location: string;
    readonly credentialsFile: string | undefined;
    readonly endpoint: string | undefined;
    readonly model: string;
  };
  readonly openai: {
    readonly apiKey: string | undefined;
    readonly baseUrl: string | undefined;
    readonly model: string;
  };
}

/** Opens each model once, by its name: `provider`, or `provider:model`. */
export class ChatModels {
  private readonly opened = new Map<string, ChatModel | undefined>();

  constructor(private readonly accounts: ChatAccounts) {}

  /** Undefined where its account is not configured. */
  of(name: string): ChatModel | undefined {
    if (!this.opened.has(name)) this.opened.set(name, this.open(name));
    return this.opened.get(name);
  }

  private open(name: string): ChatModel | undefined {
    const [provider, model] = split(name);
    if (provider === 'fake') return new FakeChat();
    if (provider === 'openai') return this.openAi(model);
    return provider === 'vertex' ? this.gemini(model) : undefined;
  }

  private openAi(model: string | undefined): ChatModel | undefined {
    const { contextTokens, openai } = this.accounts;
    if ((openai.apiKey ?? openai.baseUrl) === undefined) return undefined;
    return new OpenAiChat({ ...openai, contextTokens, model: model ?? openai.model });
  }

  private gemini(model: string | undefined): ChatModel | undefined {
    const { contextTokens, vertex } = this.accounts;
    const { project } = vertex;
    if (project === undefined) return undefined;
    return new GeminiChat({ ...vertex, project, contextTokens, model: model ?? vertex.model });
  }
}

function split(name: string): readonly [provider: string, model: string | undefined] {
  const at = name.indexOf(':');
  return at < 0 ? [name, undefined] : [name.slice(0, at), name.slice(at + 1)];
}
