// The metrics in words, made from their table: for the README, whose table a test compares with this.

import { FAMILIES } from "./catalogue.ts";

export function metricsMarkdown(): string {
  const rows = FAMILIES.map(({ name, type, labels = [], help }) => {
    const named = labels.map((label) => `\`${label}\``).join(", ");
    return `| \`${name}\` | ${type} | ${named} | ${help} |`;
  });
  return ["| metric | type | labels | meaning |", "| --- | --- | --- | --- |", ...rows].join("\n");
}
