// Reads the list of backends: `http://10.0.0.1:8080,http://10.0.0.2:8080;weight=2`, where a
// backend may also say `;max_in_flight=N`.

import type { BackendConfig } from "../config.ts";
import { MAX_BACKENDS, MAX_IN_FLIGHT, MAX_WEIGHT, parseBackendUrl } from "../shared/backend-url.ts";
import { type Kind, type Parsed, splitList } from "./kinds.ts";

export { MAX_BACKENDS, MAX_WEIGHT } from "../shared/backend-url.ts";

type One = { readonly backend: BackendConfig } | { readonly why: string };

export const backends: Kind<readonly BackendConfig[]> = {
  accepts: `comma-separated URLs such as http://10.0.0.1:8080, each optionally followed by ;weight=N (1 to ${MAX_WEIGHT}) and ;max_in_flight=N`,
  list: true,
  parse(text): Parsed<readonly BackendConfig[]> {
    const items = splitList(text);
    if (items.length > MAX_BACKENDS)
      return { ok: false, why: `more than ${MAX_BACKENDS} backends` };
    const found = new Map<string, BackendConfig>();
    const wrong: string[] = [];
    for (const [index, item] of items.entries()) {
      const one = readOne(item);
      const why = "why" in one ? one.why : found.has(one.backend.url) ? "it is there twice" : null;
      if ("backend" in one) found.set(one.backend.url, one.backend);
      if (why !== null) wrong.push(items.length === 1 ? why : `backend ${index + 1}: ${why}`);
    }
    return wrong.length === 0
      ? { ok: true, value: [...found.values()] }
      : { ok: false, why: wrong.join("; ") };
  },
};

const PARAMETERS: Readonly<Record<string, number>> = {
  weight: MAX_WEIGHT,
  max_in_flight: MAX_IN_FLIGHT,
};

function readOne(text: string): One {
  const [url = "", ...parameters] = text.split(";").map((part) => part.trim());
  const values = new Map<string, number>();
  for (const parameter of parameters) {
    const [, name = "", digits = ""] = /^([a-z_]+)\s*=\s*(\d{1,9})$/.exec(parameter) ?? [];
    const most = PARAMETERS[name] ?? 0;
    const value = Number(digits);
    if (!(value >= 1 && value <= most)) {
      return {
        why: `after ; comes weight=N, N from 1 to ${MAX_WEIGHT}, or max_in_flight=N, N from 1 to ${MAX_IN_FLIGHT}`,
      };
    }
    if (values.has(name)) return { why: `one ${name} is enough` };
    values.set(name, value);
  }
  const parsed = parseBackendUrl(url);
  if (!parsed.ok) return { why: parsed.why };
  const maxInFlight = values.get("max_in_flight");
  const backend = { url: parsed.origin, weight: values.get("weight") ?? 1 };
  return { backend: maxInFlight === undefined ? backend : { ...backend, maxInFlight } };
}
