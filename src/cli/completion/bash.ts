// The completion of bash, 3.2 and later: one function with the table as `case`s.

import type { Choices } from "../command.ts";
import { COMMANDS, GROUPS, wordsAfter } from "../commands.ts";
import { optionsOf } from "./words.ts";

/** The tables: what follows an option is found over the command with the word before, then over the command. */
export function bashCompletion(): string {
  const values = COMMANDS.flatMap((spec) =>
    optionsOf(spec).flatMap(({ name, choices }) =>
      choices === null ? [] : [`    "${spec.name} --${name}") ${offer(choices)} ;;`],
    ),
  );
  const words = COMMANDS.map((spec) => {
    const options = optionsOf(spec).map(({ name }) => `--${name}`);
    const then = spec.operand ? offer(spec.operand.choices) : ":";
    const instead = then === ":" ? "" : ` [[ $cur == -* ]] || { options=; ${then}; }`;
    return `    "${spec.name}") options="${options.join(" ")}"${instead && `;${instead}`} ;;`;
  });
  const groups = [...GROUPS].map(
    (group) => `    ${group}) words="${wordsAfter(group).join(" ")}" ;;`,
  );
  return `# bash completion of gateway
_gateway() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]}
  local command=\${COMP_WORDS[1]} words="" options="" files=""
  case $COMP_CWORD:$command in
    1:*) words="${wordsAfter("").join(" ")}" options="--config --help --version" ;;
  esac
  if ((COMP_CWORD > 1)); then
    case $command in
${groups.join("\n")}
    esac
    if [[ -n $words ]] && ((COMP_CWORD > 2)); then
      command="$command \${COMP_WORDS[2]}" words=""
    fi
  fi
  if ((COMP_CWORD > 1)) && [[ -z $words ]]; then
    case "$command $prev" in
${values.join("\n")}
    *) case $command in
${words.join("\n")}
    esac ;;
    esac
  fi
  if [[ -n $files ]]; then
    compopt -o filenames 2>/dev/null
    COMPREPLY=($(compgen -f -- "$cur"))
  else
    COMPREPLY=($(compgen -W "$words $options" -- "$cur"))
  fi
}
complete -F _gateway gateway
`;
}

function offer(choices: Choices): string {
  if (choices === "files") return "files=1";
  return choices.length === 0 ? ":" : `words="${choices.join(" ")}"`;
}
