import type { LoggerService } from '@nestjs/common';

import type { Logger } from '#infra/telemetry/logger.js';

/** Sends the framework's own lines to our log: start-up chatter as debug, trouble as what it is. */
export class NestLogger implements LoggerService {
  readonly #logger: Logger;

  constructor(logger: Logger) {
    this.#logger = logger.child({ from: 'nest' });
  }

  log(message: unknown): void {
    this.#logger.debug(String(message));
  }

  debug(message: unknown): void {
    this.#logger.debug(String(message));
  }

  verbose(message: unknown): void {
    this.#logger.trace(String(message));
  }

  warn(message: unknown): void {
    this.#logger.warn(String(message));
  }

  error(message: unknown): void {
    if (message instanceof Error) this.#logger.error({ err: message }, message.message);
    else this.#logger.error(String(message));
  }

  fatal(message: unknown): void {
    this.#logger.fatal(String(message));
  }
}
