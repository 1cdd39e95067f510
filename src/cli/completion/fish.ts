// The completion of fish: one `complete` a word, with two functions that say where the cursor is.

import type { Choices } from "../command.ts";
import { COMMANDS, GROUPS, wordsAfter } from "../commands.ts";
import { optionsOf, summaryOf } from "./words.ts";

export function fishCompletion(): string {
  const lines: string[] = [];
  const add = (condition: string, rest: string) => {
    lines.push(`complete -c gateway -n '${condition}' ${rest}`);
  };
  for (const word of wordsAfter("")) {
    add("__gateway_at", `-a ${word} -d '${quoted(summaryOf(word))}'`);
  }
  for (const group of GROUPS) {
    for (const word of wordsAfter(group)) {
      add(`__gateway_at ${group}`, `-a ${word} -d '${quoted(summaryOf(`${group} ${word}`))}'`);
    }
  }
  for (const spec of COMMANDS) {
    const condition = `__gateway_in ${spec.name}`;
    for (const { name, meaning, choices } of optionsOf(spec)) {
      add(condition, `-l ${name}${valueOf(choices)} -d '${quoted(meaning)}'`);
    }
    const choices = spec.operand?.choices ?? [];
    if (choices === "files") add(condition, "-F");
    else if (choices.length > 0) add(condition, `-a '${choices.join(" ")}'`);
  }
  return `# fish completion of gateway
complete -c gateway -f
# The words so far are exactly these.
function __gateway_at
  set -l words (commandline -opc)
  test "$words[2..-1]" = "$argv"
end
# The words so far begin with these.
function __gateway_in
  set -l words (commandline -opc)
  set -l last (math 1 + (count $argv))
  test (count $words) -ge $last; and test "$words[2..$last]" = "$argv"
end
${lines.join("\n")}
`;
}

function valueOf(choices: Choices | null): string {
  if (choices === null) return "";
  if (choices === "files") return " -r -F";
  return choices.length === 0 ? " -x" : ` -x -a '${choices.join(" ")}'`;
}

function quoted(text: string): string {
  return text.replaceAll("'", "\\'");
}
