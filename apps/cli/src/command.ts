import { InvalidArgumentError, type Command } from 'commander';
import { isTenantId } from '#domain/kernel/streams.js';
import { Output } from './output.js';

/** The options that every command has. */
export interface Common {
  readonly json?: boolean;
}

/** Adds a command with `--json`, and help that ends with examples. */
export function subcommand(
  parent: Command,
  usage: string,
  description: string,
  examples: readonly string[],
  more = '',
): Command {
  const shown = examples.map((example) => `  $ nexusrag ${example}`).join('\n');
  return parent
    .command(usage)
    .description(description)
    .option('--json', 'print JSON for machines, one value a line')
    .addHelpText(
      'after',
      `${more === '' ? '' : `\n${more}\n`}\nExamples:\n${shown}\n\nExit codes: nexusrag help exit-codes`,
    );
}

/** A group such as `nexusrag keys`. */
export function group(program: Command, name: string, description: string): Command {
  return program.command(name).description(description);
}

export function outputOf(options: Common): Output {
  return new Output(options.json === true);
}

/** Parses the number of an option; commander shows the sentence. */
export function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isNaN(value) || value < min || value > max)
      throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
    return value;
  };
}

/** Parses the tenant of an option; commander shows the sentence. */
export function tenantIdIn(text: string): string {
  if (!isTenantId(text)) throw new InvalidArgumentError('It must be 1 to 64 of a to z, 0 to 9 and _.');
  return text;
}

/** Leaves out what is undefined, so that an operation sees only what was given. */
export function given<T>(values: Readonly<Record<string, T | undefined>>): Record<string, T> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as Record<string, T>;
}
