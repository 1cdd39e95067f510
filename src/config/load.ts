// Settles every setting: environment before file before default. A value that is wrong is a
// problem wherever it stands, also where something else overrides it, because the next start may be
// without the other. All problems are reported together.

import { maskUrl } from "./database.ts";
import { type FileContents, readConfigFile } from "./file.ts";
import {
  keyOf,
  SETTING_NAMES,
  type Setting,
  SETTINGS,
  type SettingName,
  type Surroundings,
  type Values,
} from "./settings.ts";

export interface Sources extends Surroundings {
  /** `--config`; null leaves it to `GATEWAY_CONFIG`. */
  readonly file: string | null;
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** One setting as it came out, for people: secrets are masked. */
export interface Settled {
  readonly name: SettingName;
  readonly text: string;
  /** `default`, `environment`, or the place in the file. */
  readonly from: string;
}

export type Loaded =
  | { readonly ok: true; readonly values: Values; readonly settled: readonly Settled[] }
  | { readonly ok: false; readonly problems: readonly string[] };

interface Candidate {
  readonly text: string;
  readonly from: string;
  /** The setting's name as it is spelled there. */
  readonly name: string;
}

export function loadValues(sources: Sources): Loaded {
  const path = sources.file ?? (sources.env["GATEWAY_CONFIG"] || null);
  const file: FileContents = path ? readConfigFile(path) : { entries: new Map(), problems: [] };
  const problems = [...file.problems];
  const values: Partial<Record<SettingName, unknown>> = {};
  const settled: Settled[] = [];
  for (const name of SETTING_NAMES) {
    const setting: Setting<unknown> = SETTINGS[name];
    const candidates = candidatesFor(name, file, sources);
    for (const candidate of candidates) {
      const parsed = setting.kind.parse(candidate.text);
      if (!parsed.ok) problems.push(problemOf(setting, candidate, parsed.why));
      else values[name] ??= parsed.value;
    }
    values[name] ??= null;
    settled.push({
      name,
      text: shown(setting, candidates[0]?.text ?? "none"),
      from: candidates[0]?.from ?? "default",
    });
  }
  if (problems.length > 0) return { ok: false, problems };
  return { ok: true, values: values as Values, settled };
}

/** Best first. An empty variable is one that is not set, as in `PORT= gateway`. */
function candidatesFor(name: SettingName, file: FileContents, sources: Sources): Candidate[] {
  const found: Candidate[] = [];
  const variable = sources.env[name]?.trim();
  if (variable) found.push({ text: variable, from: "environment", name });
  const entry = file.entries.get(name);
  if (entry) found.push({ text: entry.text.trim(), from: entry.place, name: keyOf(name) });
  const fallback = SETTINGS[name].fallback(sources);
  if (fallback !== null) found.push({ text: fallback, from: "default", name });
  return found;
}

function problemOf(
  setting: Setting<unknown>,
  { text, from, name }: Candidate,
  why: string | undefined,
): string {
  const value = setting.secret ? "the value (hidden)" : JSON.stringify(shown(setting, text));
  const reason = why === undefined ? "" : `: ${why}`;
  return `${from}: ${name}: ${value} is refused${reason}; accepted: ${setting.kind.accepts}`;
}

function shown(setting: Setting<unknown>, text: string): string {
  return setting.secret && text !== "none" ? "***" : maskUrl(text);
}
