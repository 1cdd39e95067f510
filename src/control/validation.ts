// Turns the schema checker's findings into sentences for the person who sent the request: what is
// accepted, and what was given. Pure; knows no route and no client.

import type { FieldError } from "../shared/clients.ts";

/** What is read of a TypeBox `ValueError`. */
export interface SchemaError {
  /** JSON pointer: "/capacity"; "" for the whole value. */
  readonly path: string;
  readonly value: unknown;
  readonly schema: SchemaWords;
}

interface SchemaWords {
  readonly type?: string;
  readonly minimum?: number;
  readonly exclusiveMinimum?: number;
  readonly maximum?: number;
  readonly multipleOf?: number;
  /** A pattern in words; read instead of showing the pattern. */
  readonly title?: string;
  readonly properties?: Readonly<Record<string, unknown>>;
}

/** One message a field, in the order found: each message says all that is accepted. */
export function describeErrors(errors: Iterable<SchemaError>): FieldError[] {
  const found = new Map<string, string>();
  for (const error of errors) {
    const field = error.path.slice(1).replaceAll("~1", "/").replaceAll("~0", "~");
    found.set(field, message(error));
  }
  return [...found].map(([field, text]) => ({ field, message: text }));
}

function message({ path, schema, value }: SchemaError): string {
  if (schema.type === "object" && schema.title === undefined) {
    const known = Object.keys(schema.properties ?? {}).join(", ");
    if (path !== "") return `is not known here; known are ${known}`;
    return isObject(value)
      ? `at least one of ${known} is needed`
      : `a JSON object is needed, not ${show(value)}`;
  }
  if (value === undefined) return `is required: ${accepted(schema)}`;
  return `must be ${accepted(schema)}, not ${show(value)}`;
}

function accepted(schema: SchemaWords): string {
  if (schema.title) return schema.title;
  const { minimum, exclusiveMinimum, maximum } = schema;
  const noun = schema.multipleOf === 1 ? "a whole number" : "a number";
  const from = exclusiveMinimum === undefined ? `from ${minimum}` : `above ${exclusiveMinimum}`;
  if (maximum === undefined) return `${noun} ${from}`;
  return exclusiveMinimum === undefined
    ? `${noun} ${from} to ${maximum}`
    : `${noun} ${from} and at most ${maximum}`;
}

function show(value: unknown): string {
  if (typeof value === "string") {
    const text = JSON.stringify(value.length > 40 ? `${value.slice(0, 40)}…` : value);
    return `the text ${text}`;
  }
  if (Array.isArray(value)) return "a list";
  return isObject(value) ? "an object" : String(value);
}

function isObject(value: unknown): boolean {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
