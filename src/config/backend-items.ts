// Reads `backends` of the YAML file where it is a list: an item is a URL, or `url:` with what else
// a backend may say. Answers with what the environment would say, or with the line of what is
// wrong. Values are not judged here: they are text for `backends.ts`.

const KEYS = ["url", "weight", "max_in_flight"];

export const BACKENDS_SHAPE = "a list of URLs, or of url: with weight: and max_in_flight:";

export type Items =
  | { readonly ok: true; readonly text: string }
  | { readonly ok: false; readonly problems: readonly ItemProblem[] };

export interface ItemProblem {
  /** Undefined: not known. */
  readonly line: number | undefined;
  readonly why: string;
}

interface Fault {
  /** The key at fault; null: the item is. */
  readonly key: string | null;
  readonly why: string;
}

/** `lines`: the file's, of which `from` is the one of the list's own key, counted from 1. */
export function readItems(
  items: readonly unknown[],
  lines: readonly string[],
  from: number | undefined,
): Items {
  const texts: string[] = [];
  const problems: ItemProblem[] = [];
  for (const [index, item] of items.entries()) {
    const read = readItem(item);
    if (typeof read === "string") texts.push(read);
    else {
      const line = from && lineOf(read.key, index, lines, from);
      problems.push({ line, why: nameOf(read, index) });
    }
  }
  return problems.length > 0 ? { ok: false, problems } : { ok: true, text: texts.join(",") };
}

function readItem(item: unknown): string | Fault {
  if (typeof item === "string") {
    return item.includes(",") ? { key: null, why: "is more than one URL" } : item;
  }
  if (typeof item !== "object" || item === null || Array.isArray(item)) {
    return { key: null, why: "must be a URL, or url: with weight: and max_in_flight:" };
  }
  const { url, ...parameters } = item as Record<string, unknown>;
  const unknown = Object.keys(item).find((key) => !KEYS.includes(key));
  if (unknown !== undefined) {
    return { key: unknown, why: `unknown key; known are ${KEYS.join(", ")}` };
  }
  if (url === undefined) return { key: null, why: "has no url" };
  if (typeof url !== "string" || url.includes(",")) return { key: "url", why: "must be one URL" };
  let text = url;
  for (const [key, value] of Object.entries(parameters)) {
    const words = plain(value);
    if (!/^[^,]+$/.test(words)) return { key, why: "must be a number" };
    text += `;${key}=${words}`;
  }
  return text;
}

function plain(value: unknown): string {
  return typeof value === "number" || typeof value === "string" ? String(value) : "";
}

function nameOf({ key, why }: Fault, index: number): string {
  return key === null ? `backend ${index + 1} ${why}` : `backend ${index + 1}: ${key}: ${why}`;
}

/** Of the key, else of the item, else, where items do not begin lines, of the list. */
function lineOf(key: string | null, index: number, lines: readonly string[], from: number): number {
  const rest = lines.slice(from);
  const end = rest.findIndex((line) => /^[^\s#-]/.test(line));
  const block = end === -1 ? rest : rest.slice(0, end);
  const indent = block.map((line) => /^\s*- /.exec(line)?.[0]).find((dash) => dash !== undefined);
  const starts = [...block.keys()].filter((at) => indent && block[at]!.startsWith(indent));
  const start = starts[index];
  if (start === undefined) return from;
  const own = block.slice(start, starts[index + 1]);
  const at = own.findIndex((line) => key !== null && line.includes(`${key}:`));
  return from + 1 + start + Math.max(at, 0);
}
