// The settings in words, made from their table: for `--help`, for `check`, and for the README,
// whose table a test compares with this one.

import type { Settled } from "./load.ts";
import { SETTING_NAMES, SETTINGS } from "./settings.ts";

/** For a terminal: name, default and meaning in columns. */
export function settingsText(): string {
  const rows = SETTING_NAMES.map((name) => [name, SETTINGS[name].shown, SETTINGS[name].meaning]);
  return columns(rows.map((row) => row.map((cell) => cell.replaceAll("`", ""))));
}

/** For the README. */
export function settingsMarkdown(): string {
  const rows = SETTING_NAMES.map((name) => {
    const { shown, meaning, kind } = SETTINGS[name];
    return `| \`${name}\` | \`${shown}\` | ${meaning} | ${kind.accepts} |`;
  });
  return ["| variable | default | meaning | accepted |", "| --- | --- | --- | --- |", ...rows].join(
    "\n",
  );
}

/** For `check`: what would be in force, and where it comes from. */
export function settledText(settled: readonly Settled[]): string {
  return columns(settled.map(({ name, text, from }) => [name, text, `(${from})`]));
}

function columns(rows: readonly (readonly string[])[]): string {
  const widths = [0, 1].map((column) =>
    Math.max(...rows.map((row) => Math.min(row[column]!.length, 40))),
  );
  return rows
    .map((row) => `  ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`)
    .join("\n");
}
