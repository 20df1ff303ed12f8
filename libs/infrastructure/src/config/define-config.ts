import type { ConfigField } from './fields.js';

export type ConfigShape = Readonly<Record<string, ConfigField<unknown>>>;

/** One area of the configuration: a schema whose keys are the names of environment variables. */
export interface ConfigArea<S extends ConfigShape = ConfigShape> {
  readonly area: string;
  readonly does: string;
  readonly fields: S;
}

export type ConfigOf<S extends ConfigShape> = {
  readonly [K in keyof S]: S[K] extends ConfigField<infer T> ? T : never;
};

/** The values of several areas, by the name under which each is registered. */
export type ConfigOfAreas<A extends Readonly<Record<string, ConfigArea>>> = {
  readonly [K in keyof A]: ConfigOf<A[K]['fields']>;
};

/** Declares one area; names are environment variables in upper case. */
export function defineConfig<const S extends ConfigShape>(area: string, does: string, fields: S): ConfigArea<S> {
  return { area, does, fields };
}

/** All that is wrong with the environment, one sentence a variable; the process that reads it prints them and exits with 1. */
export class ConfigError extends Error {
  readonly problems: readonly string[];

  constructor(problems: readonly string[]) {
    super(`the configuration has ${problems.length} problem(s):\n${problems.map((line) => `  ${line}`).join('\n')}`);
    this.name = 'ConfigError';
    this.problems = problems;
  }
}

export interface ConfigSource {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** The text of a file, or undefined when there is none. */
  readonly readFile: (path: string) => string | undefined;
  /** The folder of mounted secrets, `/run/secrets` by convention of Docker and Kubernetes. */
  readonly secretsFolder: string;
}

const given = (text: string | undefined): string | undefined => {
  const trimmed = text?.trim();
  return trimmed === '' ? undefined : trimmed;
};

/** The text of a variable; a blank text counts as absent. */
function textOf(
  name: string,
  field: ConfigField<unknown>,
  source: ConfigSource,
  problems: string[],
): string | undefined {
  const direct = given(source.env[name]);
  return field.secret ? secretOf(name, direct, source, problems) : direct;
}

/** A secret: NAME, else the file that NAME_FILE names, else the mounted secret. */
function secretOf(
  name: string,
  direct: string | undefined,
  source: ConfigSource,
  problems: string[],
): string | undefined {
  const file = given(source.env[`${name}_FILE`]);
  if (direct !== undefined) {
    if (file !== undefined) problems.push(`${name} and ${name}_FILE are both set; keep one`);
    return direct;
  }
  if (file === undefined) return given(source.readFile(`${source.secretsFolder}/${name.toLowerCase()}`));
  const text = given(source.readFile(file));
  if (text === undefined) problems.push(`${name}_FILE names a file that is missing or empty`);
  return text;
}

function readArea(area: ConfigArea, source: ConfigSource, problems: string[]): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, field] of Object.entries(area.fields)) {
    const text = textOf(name, field, source, problems);
    values[name] = field.defaultValue;
    if (text === undefined) continue;
    const parsed = field.parse(text);
    if (parsed.ok) values[name] = parsed.value;
    else problems.push(`${name} ${parsed.problem}`);
  }
  return values;
}

/** Reads every area; throws one ConfigError with all problems. Variables that no area names are ignored. */
export function readConfig<const A extends Readonly<Record<string, ConfigArea>>>(
  areas: A,
  source: ConfigSource,
): ConfigOfAreas<A> {
  const problems: string[] = [];
  const values = Object.fromEntries(
    Object.entries(areas).map(([name, area]) => [name, Object.freeze(readArea(area, source, problems))]),
  );
  if (problems.length > 0) throw new ConfigError(problems);
  return Object.freeze(values) as ConfigOfAreas<A>;
}
