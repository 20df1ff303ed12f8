import type { protos } from '@google-cloud/discoveryengine';
import type { Json, JsonObject } from '#domain/kernel/schema.js';

type Struct = protos.google.protobuf.IStruct;
type Value = protos.google.protobuf.IValue;

/** A protobuf Struct as the JSON that it stands for. */
export function structOf(struct: Struct | null | undefined): JsonObject {
  const entries = Object.entries(struct?.fields ?? {}).map(([name, value]) => [name, valueOf(value)] as const);
  return Object.fromEntries(entries);
}

function valueOf(value: Value): Json {
  if (value.structValue !== undefined && value.structValue !== null) return structOf(value.structValue);
  if (value.listValue !== undefined && value.listValue !== null) return (value.listValue.values ?? []).map(valueOf);
  return value.stringValue ?? value.numberValue ?? value.boolValue ?? null;
}
