import { describe, expect, test } from "bun:test";
import { COMMANDS, GROUPS } from "../../src/cli/commands.ts";
import { helpText } from "../../src/cli/help.ts";

/** What fits a terminal without breaking lines. */
const WIDEST = 110;

test.each(COMMANDS)("$name: its help names its options, and the overview names it", (spec) => {
  const help = helpText("1.0.0", spec.name)!;
  for (const [name, { meaning }] of Object.entries(spec.options)) {
    expect(help).toContain(`--${name}`);
    expect(help).toContain(meaning);
  }
  expect(help).toStartWith(`Usage: gateway ${spec.name}`);
  expect(helpText("1.0.0")).toContain(`gateway ${spec.name}`);
  const lines = help.split("\n");
  expect(lines.filter((line) => line.length > WIDEST)).toEqual([]);
});

describe("topics", () => {
  test("a group lists its commands", () => {
    for (const group of GROUPS) {
      const help = helpText("1.0.0", group)!;
      for (const { name } of COMMANDS) {
        if (name.startsWith(`${group} `)) expect(help).toContain(`gateway ${name}`);
      }
    }
    expect(GROUPS.size).toBeGreaterThan(0);
  });

  test("there is none for a word that is no command", () => {
    expect(helpText("1.0.0", "frobnicate")).toBeNull();
  });
});
