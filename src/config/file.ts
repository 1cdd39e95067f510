// Reads the YAML file: top-level keys only, each the lower-case name of a setting. Answers with the
// text and the line of every known key, and a problem for everything else. It decides nothing about
// values: they are text for `load.ts`, exactly as the environment's are.

import { readFileSync } from "node:fs";
import { BACKENDS_SHAPE, type Items, readItems } from "./backend-items.ts";
import { closest } from "./closest.ts";
import { keyOf, SETTING_NAMES, SETTINGS, type SettingName } from "./settings.ts";

export interface FileEntry {
  readonly text: string;
  /** `gateway.yaml:12`, or the file alone where the line is not known. */
  readonly place: string;
}

export interface FileContents {
  readonly entries: ReadonlyMap<SettingName, FileEntry>;
  /** One line each, with its place. */
  readonly problems: readonly string[];
}

export function readConfigFile(path: string): FileContents {
  let source: string;
  try {
    source = readFileSync(path, "utf8");
  } catch (error) {
    return failed(`${path}: cannot be read: ${reasonOf(error)}`);
  }
  return parseConfigFile(source, path);
}

export function parseConfigFile(source: string, path: string): FileContents {
  let document: unknown;
  try {
    document = Bun.YAML.parse(source);
  } catch (error) {
    const why = reasonOf(error).replace(/^YAML Parse error: /, "");
    return failed(`${path}:${brokenLine(source)}: not valid YAML: ${why}`);
  }
  if (document === null || document === undefined) return { entries: new Map(), problems: [] };
  if (typeof document !== "object" || Array.isArray(document)) {
    return failed(`${path}: must hold keys and values, such as port: 3030`);
  }
  const lines = source.split("\n");
  const keyLines = topLevelLines(lines);
  const at = (line: number | undefined) => (line === undefined ? path : `${path}:${line}`);
  const entries = new Map<SettingName, FileEntry>();
  const problems: string[] = [];
  for (const [key, value] of Object.entries(document)) {
    const [line, again] = keyLines.get(key) ?? [];
    const place = at(line);
    const name = SETTING_NAMES.find((candidate) => keyOf(candidate) === key);
    if (again !== undefined) problems.push(`${path}:${again}: ${key}: already set on line ${line}`);
    if (name === undefined)
      problems.push(`${place}: ${JSON.stringify(key)}: unknown key${hint(key)}`);
    // An empty value means what an empty variable means: not set.
    if (name === undefined || value === null) continue;
    const read = readValue(name, value, lines, line);
    if (read.ok) entries.set(name, { text: read.text, place });
    else problems.push(...read.problems.map((each) => `${at(each.line)}: ${key}: ${each.why}`));
  }
  return { entries, problems };
}

function failed(problem: string): FileContents {
  return { entries: new Map(), problems: [problem] };
}

function readValue(
  name: SettingName,
  value: unknown,
  lines: readonly string[],
  line: number | undefined,
): Items {
  if (name === "BACKENDS" && Array.isArray(value) && value.length > 0) {
    return readItems(value, lines, line);
  }
  const text = textOf(name, value);
  return text === null
    ? { ok: false, problems: [{ line, why: shapeProblem(name) }] }
    : { ok: true, text };
}

function textOf(name: SettingName, value: unknown): string | null {
  const { kind, secret } = SETTINGS[name];
  if (typeof value === "string") return value;
  // YAML would turn a token such as 0123 or 1e5 into another one.
  if (typeof value === "number" || typeof value === "boolean") return secret ? null : String(value);
  if (!kind.list || !Array.isArray(value)) return null;
  if (value.length === 0) return "none";
  return value.every(isItem) ? value.join(",") : null;
}

function isItem(item: unknown): boolean {
  return typeof item === "string" && !item.includes(",");
}

function shapeProblem(name: SettingName): string {
  const { kind, secret } = SETTINGS[name];
  if (secret) return "must be a text in quotes";
  if (name === "BACKENDS") return `must be ${BACKENDS_SHAPE}`;
  return `must be a ${kind.list ? "list of texts" : "single value"}; accepted: ${kind.accepts}`;
}

/** Line numbers of every key that starts a line, so that a key given twice has two. */
function topLevelLines(lines: readonly string[]): Map<string, number[]> {
  const found = new Map<string, number[]>();
  for (const [index, line] of lines.entries()) {
    const match = /^(?:"([^"]*)"|'([^']*)'|([^\s#"'{[-][^:]*?))\s*:(?=\s|$)/.exec(line);
    const key = match?.[1] ?? match?.[2] ?? match?.[3];
    if (key !== undefined) found.set(key, [...(found.get(key) ?? []), index + 1]);
  }
  return found;
}

/** Bun's YAML errors carry no line: it is the one after the longest readable beginning. */
function brokenLine(source: string): number {
  const lines = source.split("\n");
  for (let count = lines.length - 1; count > 0; count--) {
    try {
      Bun.YAML.parse(lines.slice(0, count).join("\n"));
      return count + 1;
    } catch {
      // Still broken: look further up.
    }
  }
  return 1;
}

function hint(key: string): string {
  const close = closest(key.toLowerCase().replaceAll("-", "_"), SETTING_NAMES.map(keyOf));
  return close.length > 0 ? `; did you mean ${close.join(", ")}?` : "";
}

function reasonOf(error: unknown): string {
  const code = (error as { code?: string }).code;
  if (code === "ENOENT") return "there is no such file";
  if (code === "EISDIR") return "it is a directory";
  if (code === "EACCES") return "permission denied";
  return error instanceof Error ? error.message : String(error);
}
