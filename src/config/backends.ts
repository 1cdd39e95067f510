// Reads the list of backends: `http://10.0.0.1:8080,http://10.0.0.2:8080;weight=2`. A backend is an
// origin, nothing more: what a client asks for is what the backend gets, so a path has no place
// here, and credentials have no place in a list that is logged.

import type { BackendConfig } from "../config.ts";
import { type Kind, type Parsed, splitList } from "./kinds.ts";

export const MAX_BACKENDS = 256;
export const MAX_WEIGHT = 1000;

type One = { readonly backend: BackendConfig } | { readonly why: string };

export const backends: Kind<readonly BackendConfig[]> = {
  accepts: `comma-separated URLs such as http://10.0.0.1:8080, each optionally followed by ;weight=N (1 to ${MAX_WEIGHT})`,
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

function readOne(text: string): One {
  const [url = "", ...parameters] = text.split(";").map((part) => part.trim());
  let weight = 1;
  for (const parameter of parameters) {
    const digits = /^weight\s*=\s*(\d{1,9})$/.exec(parameter)?.[1];
    weight = Number(digits ?? Number.NaN);
    if (!(weight >= 1 && weight <= MAX_WEIGHT)) {
      return { why: `after ; comes weight=N, N from 1 to ${MAX_WEIGHT}` };
    }
  }
  if (parameters.length > 1) return { why: "one weight is enough" };
  const parsed = URL.parse(url);
  const why = parsed === null || !/^https?:\/\//i.test(url) ? notUrl(url) : objection(parsed, url);
  return why === null ? { backend: { url: parsed!.origin, weight } } : { why };
}

function notUrl(url: string): string {
  if (url === "") return "it is empty";
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(url) && !/^https?:/i.test(url)
    ? "only http and https are spoken"
    : "not a URL that starts with http:// or https://";
}

function objection(url: URL, text: string): string | null {
  if (url.username !== "" || url.password !== "") return "credentials do not belong in it";
  if (url.pathname !== "/" || /[?#\\]/.test(text)) {
    return "a backend has no path or query, only a scheme, a host and a port";
  }
  return url.port === "0" ? "port 0 cannot be connected to" : null;
}
