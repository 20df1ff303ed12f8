import { pino } from 'pino';
import type { DestinationStream, Logger } from 'pino';

import { shownLogScope } from './log-scope.js';
import { redact, redactText } from './redaction.js';

export type { Logger } from 'pino';

export interface LoggerOptions {
  readonly level: string;
  /** Where lines go; standard error by default, so that standard output stays free for a command's answer. */
  readonly destination?: DestinationStream;
}

/** JSON lines with ISO times. Secrets are replaced before a line is written; the request id is in every line of a request. */
export function createLogger(options: LoggerOptions): Logger {
  const destination = options.destination ?? pino.destination({ fd: 2, sync: false });
  return pino(
    {
      level: options.level,
      base: { service: 'nexusrag' },
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: 'msg',
      formatters: {
        level: (label) => ({ level: label }),
        log: (fields) => redact(fields) as Record<string, unknown>,
      },
      // Errors are turned into fields by the redaction above; pino's own serializer would run first and keep the texts.
      serializers: { err: (error: unknown) => redact(error) },
      mixin: shownLogScope,
      hooks: {
        logMethod(args, method) {
          const clean = args.map((arg: unknown) => (typeof arg === 'string' ? redactText(arg) : arg));
          method.apply(this, clean as Parameters<typeof method>);
        },
      },
    },
    destination,
  );
}
