// The completion of zsh: one function that hands the rest of the line to `_arguments`.

import type { Choices } from "../command.ts";
import { COMMANDS, GROUPS, wordsAfter } from "../commands.ts";
import { optionsOf, summaryOf } from "./words.ts";

export function zshCompletion(): string {
  const cases = COMMANDS.map((spec) => {
    const specs = optionsOf(spec).map(({ name, meaning, choices }) =>
      choices === null
        ? `'--${name}[${plain(meaning)}]'`
        : `'--${name}=[${plain(meaning)}]:value:${action(choices)}'`,
    );
    const { operand } = spec;
    if (operand) {
      const many = operand.count === "many" || operand.count === "any";
      specs.push(
        `'${many ? "*" : "1"}:${operand.placeholder.toLowerCase()}:${action(operand.choices)}'`,
      );
    }
    return `    '${spec.name}') _arguments ${specs.join(" ")} ;;`;
  });
  const lists = ["", ...GROUPS].map(
    (group) => `    '${group}') _describe command '(${described(group).join(" ")})' ;;`,
  );
  return `#compdef gateway
# zsh completion of gateway
_gateway() {
  local command="" at=1
  if ((CURRENT > 2)); then
    command=$words[2] at=2
    if [[ " ${[...GROUPS].join(" ")} " == *" $command "* ]] && ((CURRENT > 3)); then
      command="$words[2] $words[3]" at=3
    fi
  fi
  words=("gateway" "\${(@)words[at+1,-1]}")
  ((CURRENT -= at - 1))
  case $command in
${lists.join("\n")}
${cases.join("\n")}
  esac
}
if [[ $zsh_eval_context[-1] == loadautofunc ]]; then
  _gateway "$@"
elif (($+functions[compdef])); then
  compdef _gateway gateway
fi
`;
}

function described(group: string): string[] {
  return wordsAfter(group).map((word) => {
    const name = group === "" ? word : `${group} ${word}`;
    return `"${word}:${plain(summaryOf(name))}"`;
  });
}

function plain(text: string): string {
  return text.replaceAll(/[[\]'"\\]/g, "").replaceAll(":", "\\:");
}

function action(choices: Choices): string {
  return choices === "files" ? "_files" : choices.length === 0 ? " " : `(${choices.join(" ")})`;
}
