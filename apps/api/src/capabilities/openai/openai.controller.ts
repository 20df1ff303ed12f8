import { Body, Controller, Param, Query } from '@nestjs/common';
import { authorizationErrors } from '#domain/capabilities/authorization/authorization.decider.js';
import { rolloutErrors } from '#domain/capabilities/rollouts/rollouts.decider.js';
import { corpora } from '#domain/capabilities/corpora/corpora.decider.js';
import { runErrors } from '#domain/capabilities/runs/runs.decider.js';
import { CatalogueError } from '#domain/kernel/errors.js';
import { Questions } from '#api/commands/questions.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { httpErrors } from '#api/http/errors.js';
import { Left, Stream } from '#api/http/events-param.js';
import { PageQuery } from '#api/http/paging.js';
import { StreamOpener } from '#api/http/sse.js';
import { policyQueryErrors } from '#infra/authorization/policies-sql.js';
import { CommandPath } from '#infra/commands/command-path.js';
import { idFor } from '#infra/commands/ids.js';
import { ChatCompletionRequest } from './chat.contract.js';
import { ChatCompletion, ModelList, ModelView } from './chat-answer.contract.js';
import { chatFailures, ChatPlayback } from './chat.handler.js';
import { EmbeddingList, EmbeddingsRequest } from './embeddings.contract.js';
import { embeddingFailures, Embeddings } from './embeddings.handler.js';
import { questionOf } from './chat-question.adapter.js';
import { ModelQueries } from './models.queries.js';
import { openAiErrors } from './openai.contract.js';

const MAX_INPUT_BYTES = 8 * 1024 * 1024;

/** What clients of the OpenAI API call: each corpus is a model. */
@Controller()
export class OpenAiController {
  constructor(
    private readonly questions: Questions,
    private readonly chat: ChatPlayback,
    private readonly queries: ModelQueries,
    private readonly path: CommandPath,
    private readonly embeddings: Embeddings,
  ) {}

  @Endpoint('GET /models', {
    does: 'List the corpora that the credential may use, as models of the OpenAI API',
    role: 'reader',
    bare: true,
    legacy: false,
    errors: 'openai',
    returns: ModelList,
    refuses: [policyQueryErrors.tooLarge],
  })
  models(@Query() query: PageQuery, @Caller() caller: CallerContext): Promise<ModelList> {
    return this.queries.list(query, caller);
  }

  @Endpoint('GET /models/:model', {
    does: 'Get a corpus as a model of the OpenAI API',
    role: 'reader',
    bare: true,
    legacy: false,
    errors: 'openai',
    returns: ModelView,
    refuses: [openAiErrors.modelNotFound, authorizationErrors.deniedByPolicy],
  })
  model(@Param('model') model: string, @Caller() caller: CallerContext): Promise<ModelView> {
    return this.queries.get(model, caller);
  }

  @Endpoint('POST /chat/completions', {
    does: 'Answer the last message of a conversation from the passages of a corpus, whole or in chunks, by the OpenAI API',
    role: 'reader',
    rate: 'run',
    audit: 'run.invoked',
    bare: true,
    legacy: false,
    errors: 'openai',
    stream: true,
    idempotent: false,
    settlesUnits: true,
    returns: ChatCompletion,
    refuses: [
      openAiErrors.modelNotFound,
      openAiErrors.unsupported,
      ...chatFailures,
      authorizationErrors.deniedByPolicy,
      policyQueryErrors.tooLarge,
      runErrors.busy,
      rolloutErrors.disabled,
      httpErrors.idempotencyConflict,
      httpErrors.featureNotEnabled,
    ],
  })
  async complete(
    @Body() body: ChatCompletionRequest,
    @Caller() caller: CallerContext,
    @Stream() opener: StreamOpener,
  ): Promise<ChatCompletion> {
    await this.questions.open(caller);
    const question = questionOf(body, this.questions.ownSession(caller));
    await this.questions.mayAsk(body.model, caller);
    await this.requireModel(body.model, caller);
    const runId = await this.questions.begin(question, caller);
    const key = { tenantId: caller.tenantId, runId };
    if (body.stream !== true) return this.chat.complete(key, body.model, opener.left());
    await this.chat.stream(key, body.model, body.stream_options?.include_usage === true, opener.open());
    // The stream was the answer: what is returned now goes nowhere.
    return undefined as never;
  }

  @Endpoint('POST /embeddings', {
    does: 'Make vectors of texts with an embedding model that corpora may have, by the OpenAI API',
    role: 'reader',
    rate: 'run',
    audit: 'embeddings.created',
    bare: true,
    legacy: false,
    errors: 'openai',
    idempotent: false,
    maxBodyBytes: MAX_INPUT_BYTES,
    returns: EmbeddingList,
    refuses: [openAiErrors.embeddingModelNotFound, ...embeddingFailures],
  })
  embed(
    @Body() body: EmbeddingsRequest,
    @Caller() caller: CallerContext,
    @Left() left: AbortSignal,
  ): Promise<EmbeddingList> {
    return this.embeddings.create(body, caller, left);
  }

  private async requireModel(model: string, { tenantId }: CallerContext): Promise<void> {
    const { status } = await this.path.load(corpora, tenantId, idFor('corpora', tenantId, model));
    if (status === 'absent') throw new CatalogueError(openAiErrors.modelNotFound, { param: 'model' });
  }
}
