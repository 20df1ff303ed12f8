import type { Type } from '@nestjs/common';
import { ApiProperty } from '@nestjs/swagger';
import type { ApiPropertyOptions } from '@nestjs/swagger';
import {
  ArrayMaxSize,
  ArrayMinSize,
  IsArray,
  IsBoolean,
  IsIn,
  IsInt,
  IsNumber,
  IsObject,
  IsString,
  Matches,
  Max,
  MaxLength,
  Min,
  MinLength,
  ValidateIf,
  ValidateBy,
  ValidateNested,
} from 'class-validator';

import { isInstant, isMapOf, rule } from './field-rules.js';
import type { Rule } from './field-rules.js';

/** What every field may say. Absent and null differ: `optional` allows the first, `nullable` the second. */
export interface FieldOptions<T> {
  readonly does?: string;
  readonly optional?: boolean;
  readonly nullable?: boolean;
  readonly example?: unknown;
  /** Taken when the field is absent, which makes it optional. */
  readonly default?: T;
}

export interface StringOptions extends FieldOptions<string> {
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: RegExp;
  readonly format?: string;
}

export interface NumberOptions extends FieldOptions<number> {
  readonly min?: number;
  readonly max?: number;
}

export interface ListOptions<T> extends FieldOptions<readonly T[]> {
  readonly minItems?: number;
  readonly maxItems?: number;
}

/** How a field is read from text or JSON before its rules run. */
export interface FieldSpec {
  readonly kind: 'string' | 'integer' | 'number' | 'boolean' | 'enum' | 'object' | 'list' | 'json';
  readonly optional: boolean;
  readonly defaultValue: unknown;
  /** The class of an object, or of a list's items. */
  readonly of: (() => Type<object>) | undefined;
}

const SPECS = Symbol('field specs');

/** The fields of a DTO class, its base classes' first. */
export function fieldsOf(dto: Type<object>): ReadonlyMap<string, FieldSpec> {
  return (Reflect.getMetadata(SPECS, dto.prototype as object) ?? new Map()) as ReadonlyMap<string, FieldSpec>;
}

interface Declared {
  readonly kind: FieldSpec['kind'];
  readonly of?: () => Type<object>;
  readonly rules: readonly PropertyDecorator[];
  readonly schema: object;
}

function field<T>(options: FieldOptions<T>, declared: Declared): PropertyDecorator {
  const optional = options.optional === true || options.default !== undefined;
  const { does, nullable = false, example, default: defaultValue } = options;
  const schema = {
    ...declared.schema,
    required: !optional,
    ...(does === undefined ? {} : { description: does }),
    ...(nullable ? { nullable } : {}),
    ...(example === undefined ? {} : { example }),
    ...(defaultValue === undefined ? {} : { default: defaultValue }),
  } as ApiPropertyOptions;
  return (target, key) => {
    const inherited = (Reflect.getMetadata(SPECS, target) as ReadonlyMap<string, FieldSpec> | undefined) ?? [];
    const specs = new Map<string, FieldSpec>(inherited);
    specs.set(String(key), { kind: declared.kind, optional, defaultValue, of: declared.of });
    Reflect.defineMetadata(SPECS, specs, target);
    ApiProperty(schema)(target, key);
    ValidateIf((_, value: unknown) => !(optional && value === undefined) && !(nullable && value === null))(target, key);
    for (const decorate of declared.rules) decorate(target, key);
  };
}

const present = <T>(value: T | undefined, make: (value: T) => PropertyDecorator): PropertyDecorator[] =>
  value === undefined ? [] : [make(value)];

/** Leaves undefined members out, so that the schema shows only what was said. */
function said(schema: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(schema).filter(([, value]) => value !== undefined));
}

function number(kind: 'integer' | 'number', options: NumberOptions, type: PropertyDecorator): PropertyDecorator {
  const whole = kind === 'integer' ? Number.MAX_SAFE_INTEGER : undefined;
  const min = options.min ?? (whole === undefined ? undefined : -whole);
  const max = options.max ?? whole;
  return field(options, {
    kind,
    schema: said({ type: kind, minimum: options.min, maximum: options.max }),
    rules: [
      type,
      ...present(min, (least) => Min(least, rule('greater_than_equal', `must be ${least} or more`))),
      ...present(max, (most) => Max(most, rule('less_than_equal', `must be ${most} or less`))),
    ],
  });
}

function enumeration<const W extends string>(words: readonly W[], options: FieldOptions<W> = {}): PropertyDecorator {
  const rules = [IsIn([...words], rule('literal_error', `must be one of ${words.join(', ')}`))];
  return field(options, { kind: 'enum', schema: { type: 'string', enum: [...words] }, rules });
}

function listRules<T>(
  options: ListOptions<T>,
  inner: (each: Rule) => readonly PropertyDecorator[],
): PropertyDecorator[] {
  const { minItems, maxItems } = options;
  return [
    IsArray(rule('list_type', 'must be a list')),
    ...present(minItems, (least) => ArrayMinSize(least, rule('too_short', `must have ${least} items or more`))),
    ...present(maxItems, (most) => ArrayMaxSize(most, rule('too_long', `must have ${most} items or fewer`))),
    ...inner((type, text) => ({ ...rule(type, text), each: true })),
  ];
}

/** The one way to declare a field: each gives the validation rule and the OpenAPI schema at once. */
export const Field = {
  string(options: StringOptions = {}): PropertyDecorator {
    const { min, max, pattern, format } = options;
    return field(options, {
      kind: 'string',
      schema: said({ type: 'string', minLength: min, maxLength: max, pattern: pattern?.source, format }),
      rules: [
        IsString(rule('string_type', 'must be a string')),
        ...present(min, (least) => MinLength(least, rule('string_too_short', `must have ${least} characters or more`))),
        ...present(max, (most) => MaxLength(most, rule('string_too_long', `must have ${most} characters or fewer`))),
        ...present(pattern, (form) => Matches(form, rule('string_pattern_mismatch', `must match ${form.source}`))),
      ],
    });
  },

  /** An instant: ISO 8601 with an offset. */
  instant(options: FieldOptions<string> = {}): PropertyDecorator {
    const rules = [
      IsString(rule('string_type', 'must be a string')),
      ValidateBy(
        { name: 'isInstant', validator: { validate: isInstant } },
        rule('datetime_parsing', 'must be a time such as 2026-01-31T12:00:00.000Z'),
      ),
    ];
    return field(options, { kind: 'string', schema: { type: 'string', format: 'date-time' }, rules });
  },

  /** A whole number; within what a double holds exactly when no bounds are given. */
  integer(options: NumberOptions = {}): PropertyDecorator {
    return number('integer', options, IsInt(rule('int_type', 'must be a whole number')));
  },

  number(options: NumberOptions = {}): PropertyDecorator {
    return number('number', options, IsNumber({}, rule('float_type', 'must be a number')));
  },

  boolean(options: FieldOptions<boolean> = {}): PropertyDecorator {
    const rules = [IsBoolean(rule('bool_type', 'must be true or false'))];
    return field(options, { kind: 'boolean', schema: { type: 'boolean' }, rules });
  },

  enum: enumeration,

  /** An object with the fields of another DTO. */
  object(of: () => Type<object>, options: FieldOptions<object> = {}): PropertyDecorator {
    const rules = [IsObject(rule('dict_type', 'must be an object')), ValidateNested()];
    return field(options, { kind: 'object', of, schema: { type: () => of() }, rules });
  },

  /** Any value that `fits`, kept as it is; `expects` says what it must be. */
  value(
    options: FieldOptions<unknown> & { schema: object; fits: (value: unknown) => boolean; expects: string },
  ): PropertyDecorator {
    const { schema, fits, expects } = options;
    const rules = [ValidateBy({ name: 'fits', validator: { validate: fits } }, rule('value_error', expects))];
    return field(options, { kind: 'json', schema, rules });
  },

  /** An object that is kept as it is. */
  json(options: FieldOptions<object> = {}): PropertyDecorator {
    const rules = [IsObject(rule('dict_type', 'must be an object'))];
    return field(options, { kind: 'json', schema: { type: 'object', additionalProperties: true }, rules });
  },

  /** An object of any names whose values are all of one type, or null. */
  map(of: 'boolean' | 'integer', options: FieldOptions<object> = {}): PropertyDecorator {
    const rules = [
      IsObject(rule('dict_type', 'must be an object')),
      ValidateBy(
        { name: 'isMap', validator: { validate: (value: unknown) => isMapOf(of, value) } },
        rule(of === 'boolean' ? 'bool_type' : 'int_type', `must hold nothing but ${of}s and null`),
      ),
    ];
    const schema = { type: 'object', additionalProperties: { type: [of, 'null'] } };
    return field(options, { kind: 'json', schema, rules });
  },

  /** A list of objects with the fields of another DTO. */
  list(of: () => Type<object>, options: ListOptions<object> = {}): PropertyDecorator {
    const rules = listRules(options, (each) => [
      IsObject(each('dict_type', 'must be an object')),
      ValidateNested({ each: true }),
    ]);
    const bounds = { minItems: options.minItems, maxItems: options.maxItems };
    // Swagger knows a class to be looked up later by the function's own name, `type`.
    return field(options, { kind: 'list', of, schema: said({ type: () => of(), isArray: true, ...bounds }), rules });
  },

  /** A list of strings, each of at most `maxLength` characters. */
  strings(options: ListOptions<string> & { readonly maxLength?: number } = {}): PropertyDecorator {
    const rules = listRules(options, (each) => [
      IsString(each('string_type', 'must be a string')),
      ...present(options.maxLength, (most) =>
        MaxLength(most, each('string_too_long', `must have ${most} characters or fewer`)),
      ),
    ]);
    const items = said({ type: 'string', maxLength: options.maxLength });
    const bounds = { minItems: options.minItems, maxItems: options.maxItems };
    return field(options, { kind: 'list', schema: said({ type: 'array', items, ...bounds }), rules });
  },
} as const;
