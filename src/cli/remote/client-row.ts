// One row of an import: what it must hold to be a client. Pure. The gateway checks again; here it is
// checked before anything is sent, so that a file with a mistake changes nothing.

import type { Kind } from "../../config/kinds.ts";
import { decimal } from "../../config/kinds.ts";
import { closest } from "../../config/closest.ts";
import {
  CLIENT_ID,
  CLIENT_ID_IN_WORDS,
  MAX_CAPACITY,
  MAX_RATE_PER_SEC,
} from "../../shared/clients.ts";
import type { NewClient } from "../../shared/clients.ts";

export const FIELDS = ["client_id", "capacity", "rate_per_sec", "current_tokens"] as const;

type Field = (typeof FIELDS)[number];

const NUMBERS: Readonly<Record<Exclude<Field, "client_id">, Kind<number>>> = {
  capacity: decimal({ least: 1, most: MAX_CAPACITY }),
  rate_per_sec: decimal({ least: 0, most: MAX_RATE_PER_SEC, above: true }),
  current_tokens: decimal({ least: 0, most: MAX_CAPACITY }),
};

/** A client, or what is wrong with the row. `values`: numbers, or text that is to be a number. */
export function readClient(
  values: Readonly<Record<string, unknown>>,
  asText: boolean,
): NewClient | string {
  const unknown = Object.keys(values).find((name) => !FIELDS.includes(name as Field));
  if (unknown !== undefined) return unknownField(unknown);
  const { client_id } = values;
  if (client_id === undefined || client_id === "") return "client_id is missing";
  if (typeof client_id !== "string" || !CLIENT_ID.test(client_id)) {
    return `client_id must be ${CLIENT_ID_IN_WORDS}, not ${shown(client_id)}`;
  }
  const type = asText ? "string" : "number";
  const client: Record<string, unknown> = { client_id };
  for (const [name, kind] of Object.entries(NUMBERS)) {
    const given = values[name];
    if (given === undefined || given === "") {
      if (name === "current_tokens") continue;
      return `${name} is missing`;
    }
    const parsed = typeof given === type ? kind.parse(`${given as string | number}`) : null;
    if (!parsed?.ok) return `${name} must be ${kind.accepts}, not ${shown(given)}`;
    client[name] = parsed.value;
  }
  const { capacity, current_tokens } = client as unknown as NewClient;
  if (current_tokens !== undefined && current_tokens > capacity) {
    return `current_tokens must be at most the capacity, ${capacity}, not ${current_tokens}`;
  }
  return client as unknown as NewClient;
}

export function unknownField(name: string): string {
  const close = closest(name.toLowerCase(), FIELDS);
  const hint = close.length > 0 ? `; did you mean ${close.join(" or ")}?` : "";
  return `${shown(name)} is no field of a client${hint}`;
}

function shown(value: unknown): string {
  const text = JSON.stringify(value) ?? "nothing";
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
