import type { Provider } from '@nestjs/common';
import type { Platform } from '#infra/platform/platform.js';
import { CommandPath } from '#infra/commands/command-path.js';
import { ChatPlayback } from './capabilities/openai/chat.handler.js';
import { Embeddings } from './capabilities/openai/embeddings.handler.js';
import { ModelQueries } from './capabilities/openai/models.queries.js';
import { RunAdmission } from './capabilities/runs/run-admission.handler.js';
import { RunEntry } from './capabilities/runs/run-entry.handler.js';
import { RunExecutor } from './capabilities/runs/runs.handler.js';
import { RunPlayback } from './capabilities/runs/runs.queries.js';
import { Hearing } from './commands/hearing.js';
import { Commands } from './commands/commands.js';
import { Questions } from './commands/questions.js';
import { CorpusScope } from './http/corpus-scope.js';

/** The one way in for questions, and what tells their answers to clients of the OpenAI API. */
export const openAiProviders = ({ embedders }: Pick<Platform, 'embedders'>): readonly Provider[] => [
  { provide: Embeddings, inject: [Commands], useFactory: (commands: Commands) => new Embeddings(embedders, commands) },
  {
    provide: Questions,
    inject: [RunExecutor, RunAdmission, CorpusScope, RunPlayback, CommandPath, Hearing],
    useFactory: (...deps: ConstructorParameters<typeof RunEntry>) => new RunEntry(...deps),
  },
  ChatPlayback,
  ModelQueries,
];
