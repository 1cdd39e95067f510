// What every shell's script offers, read from the table of commands.

import type { Choices, CommandSpec } from "../command.ts";
import { commandNamed } from "../commands.ts";

/** An option with all that a shell needs to know about it. */
export interface Word {
  readonly name: string;
  readonly meaning: string;
  /** Null: it takes no value. */
  readonly choices: Choices | null;
}

export function optionsOf(spec: CommandSpec): Word[] {
  const own = Object.entries(spec.options).map(([name, { kind, meaning, choices }]) => ({
    name,
    meaning,
    choices: kind === null ? null : choices,
  }));
  return [...own, { name: "help", meaning: "print what it does", choices: null }];
}

/** In one line, of a command or of a group. */
export function summaryOf(name: string): string {
  return commandNamed(name)?.summary ?? `commands about ${name}`;
}
