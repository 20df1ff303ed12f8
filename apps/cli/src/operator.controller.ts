import { Body, Controller, Param } from '@nestjs/common';
import { CatalogueError, defineErrors } from '#domain/kernel/errors.js';
import type { JsonObject } from '#domain/kernel/schema.js';
import { Caller, CallerContext } from '#api/http/caller.js';
import { Endpoint } from '#api/http/endpoint.js';
import { answerOf, httpErrors } from '#api/http/errors.js';
import { Stream } from '#api/http/events-param.js';
import { Field } from '#api/http/fields.js';
import { StreamOpener } from '#api/http/sse.js';
import { UsageError, type OperationContext } from './operations/operation.js';
import { operations } from './operations/operations.js';

export const operatorErrors = defineErrors('operator', {
  unknownOperation: ['not_found', 'OPERATION_UNKNOWN', 'There is no such operation'],
  usage: ['validation', 'OPERATION_USAGE', 'The arguments of the operation are wrong'],
});

/** What operations are given, as Nest injects it. */
export class OperatorContext {
  constructor(readonly parts: Omit<OperationContext, 'signal'>) {}
}

export class OperationRequest {
  @Field.json({ does: 'The arguments of the operation', default: {} })
  args!: JsonObject;
}

/** The command line's way into a running server: only with the token of the server's run file. */
@Controller('operator')
export class OperatorController {
  constructor(private readonly context: OperatorContext) {}

  @Endpoint('POST /:operation', {
    does: 'Run an operation of the command line',
    role: 'admin',
    rate: 'none',
    stream: true,
    legacy: false,
    hidden: true,
    refuses: [operatorErrors.unknownOperation, operatorErrors.usage],
  })
  async run(
    @Param('operation') name: string,
    @Body() body: OperationRequest,
    @Caller() caller: CallerContext,
    @Stream() opener: StreamOpener,
  ): Promise<void> {
    if (caller.principal.authMethod !== 'operator') throw new CatalogueError(httpErrors.forbidden);
    const operation = Object.hasOwn(operations, name) ? operations[name] : undefined;
    if (operation === undefined) throw new CatalogueError(operatorErrors.unknownOperation);
    const stream = opener.open({ heartbeatMs: 5_000, heartbeat: () => ({ event: 'alive', id: 0, data: {} }) });
    let id = 0;
    const send = (event: string, data: unknown): Promise<boolean> => stream.send({ event, id: (id += 1), data });
    try {
      for await (const item of operation({ ...this.context.parts, signal: stream.signal }, body.args)) {
        if (!(await send('item', item))) return;
      }
      await send('end', {});
    } catch (error) {
      await send('failed', failureOf(error));
    } finally {
      stream.end();
    }
  }
}

/** Operators own the machine, so they see the message of an unexpected error too. */
function failureOf(error: unknown): object {
  if (error instanceof UsageError) return { code: operatorErrors.usage.code, message: error.message, usage: true };
  const { row, details, unexpected } = answerOf(error);
  const message = unexpected && error instanceof Error ? `${error.name}: ${error.message}` : row.title;
  return { code: row.code, message, ...(details === undefined ? {} : { details }) };
}
