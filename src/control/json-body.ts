// Reads the JSON body of a control request, strictly: the declared type, a size limit that also
// holds for chunked bodies, UTF-8, well-formed text, no key twice. Throws a `Refusal` otherwise.

import { InvalidFields, Refusal } from "./refusal.ts";

/** Bytes. A client takes some 200. */
export const MAX_JSON_BODY = 64 * 1024;

const utf8 = new TextDecoder("utf-8", { fatal: true });

/**
 * Elysia parse hook. Refuses with 415 (another content type or encoding), 413 (over 64 KB), 400
 * (not JSON) and 422 (a key given twice, RFC 8259 §4; NaN or Infinity, which JSON does not have).
 */
export async function readJson({ request }: { request: Request }): Promise<unknown> {
  const type = request.headers.get("content-type")?.split(";")[0]?.trim().toLowerCase();
  if (type !== "application/json" || request.headers.has("content-encoding")) {
    throw new Refusal(
      415,
      "Unsupported Media Type",
      "The body must be uncompressed JSON with Content-Type: application/json.",
    );
  }
  return parseJson(decode(await readLimited(request)));
}

async function readLimited(request: Request): Promise<Uint8Array> {
  // Refused before a byte is read when the length is known.
  if (Number(request.headers.get("content-length") ?? 0) > MAX_JSON_BODY) throw tooLarge();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of request.body ?? []) {
    size += chunk.byteLength;
    if (size > MAX_JSON_BODY) throw tooLarge();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(): Refusal {
  return new Refusal(413, "Content Too Large", `The body may have at most ${MAX_JSON_BODY} bytes.`);
}

function decode(bytes: Uint8Array): string {
  try {
    return utf8.decode(bytes);
  } catch {
    throw new Refusal(400, "Bad Request", "The body is not UTF-8.");
  }
}

/** Refuses with 400 (not JSON) and 422 (a key given twice; NaN or Infinity), as `readJson`. */
export function parseJson(text: string): unknown {
  const { twice, notFinite } = inspect(text);
  try {
    // With those words replaced, what remains decides whether it was JSON otherwise.
    const value: unknown = JSON.parse(
      notFinite.length > 0
        ? text.replace(TOKEN, (token) => (NOT_FINITE.test(token) ? "0" : token))
        : text,
    );
    const fields = [
      ...twice.map((field) => ({ field, message: "is given twice" })),
      ...notFinite.map((field) => ({ field, message: "must be a finite number" })),
    ];
    if (fields.length > 0) throw new InvalidFields(fields);
    return value;
  } catch (error) {
    if (error instanceof Refusal) throw error;
    throw new Refusal(
      400,
      "Bad Request",
      text.trim() === ""
        ? "The body is empty; JSON is needed."
        : "The body is not well-formed JSON.",
    );
  }
}

const TOKEN = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b|[{}[\]:,]/g;
const NOT_FINITE = /^-?(?:NaN|Infinity)$/;

/** Keys of the outer object that come twice, and those whose value is NaN or an infinity. */
function inspect(text: string): { twice: string[]; notFinite: string[] } {
  const seen = new Set<string>();
  const twice = new Set<string>();
  const notFinite = new Set<string>();
  let depth = 0;
  let last = "";
  let key = "";
  for (const [token] of text.matchAll(TOKEN)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") depth--;
    else if (token === ":" && depth === 1) {
      key = unquote(last);
      if (seen.has(key)) twice.add(key);
      seen.add(key);
    } else if (NOT_FINITE.test(token)) notFinite.add(key);
    last = token;
  }
  return { twice: [...twice], notFinite: [...notFinite] };
}

/** "\u0061" and "a" are the same key. */
function unquote(quoted: string): string {
  try {
    return String(JSON.parse(quoted));
  } catch {
    return quoted;
  }
}
