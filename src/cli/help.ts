// What `gateway --help` and `gateway COMMAND --help` print, made from the tables of commands and
// settings. Pure.

import { settingsText } from "../config/reference.ts";
import type { CommandSpec, Operand } from "./command.ts";
import { commandNamed, COMMANDS, GROUPS } from "./commands.ts";

const EXIT_CODES = `Exit codes: 0 done, 1 failed (a check, a client that does not exist, requests cut off at the end),
64 wrong command line, 65 rows of an import refused, 66 no such file, 69 database or gateway cannot
be reached, 70 a bug, 73 file cannot be written, 75 address or database in use, 77 not permitted,
78 wrong configuration.`;

const REMOTE_NOTES = `Talks to the gateway at --url, GATEWAY_URL, or port PORT or 3030 of this machine. Where the gateway
has an ADMIN_TOKEN, it is needed here too: in the environment or in a file, not on the command line,
where every process of the machine could read it.`;

/** `topic`: name of a command or of a group; empty for the whole. Null: there is none of that name. */
export function helpText(version: string, topic = ""): string | null {
  if (topic === "") return overview(version);
  if (GROUPS.has(topic)) return groupHelp(topic);
  const spec = commandNamed(topic);
  return spec && commandHelp(spec);
}

function overview(version: string): string {
  return `gateway ${version}: an HTTP load balancer with a rate limit for every client

Usage: gateway [COMMAND] [OPTIONS]; without a command, serve

${summaries(COMMANDS)}

gateway COMMAND --help tells more. --version prints the version.

  --config FILE   of serve and check: a YAML file; its keys are the settings below in lower case,
                  such as port: 3030. Also taken from GATEWAY_CONFIG.

Settings, as environment variables (which win) or keys of the file:
${settingsText()}

${EXIT_CODES}
`;
}

function groupHelp(group: string): string {
  const commands = COMMANDS.filter(({ name }) => name.startsWith(`${group} `));
  return `Usage: gateway ${group} COMMAND [OPTIONS]

${summaries(commands)}

gateway ${group} COMMAND --help tells more.

${REMOTE_NOTES}
`;
}

function commandHelp(spec: CommandSpec): string {
  const options = Object.entries(spec.options).map(
    ([name, { placeholder, meaning }]): [string, string] => [
      `--${name}${placeholder && ` ${placeholder}`}`,
      meaning,
    ],
  );
  const parts = [
    `Usage: gateway ${synopsis(spec)}`,
    capitalized(spec.summary),
    columns([...options, ["--help", "print this"]]),
    spec.notes,
    "token-file" in spec.options ? REMOTE_NOTES : "",
  ];
  return `${parts.filter(Boolean).join("\n\n")}\n`;
}

function synopsis({ name, operand, options }: CommandSpec): string {
  const parts = [name, operand && operandText(operand)];
  return [...parts, Object.keys(options).length > 0 && "[OPTIONS]"].filter(Boolean).join(" ");
}

function operandText({ placeholder, count }: Operand): string {
  const shown = count === "optional" || count === "any" ? `[${placeholder}]` : placeholder;
  return count === "many" || count === "any" ? `${shown}...` : shown;
}

function summaries(commands: readonly CommandSpec[]): string {
  return columns(
    commands.map((spec) => [
      ["gateway", spec.name, spec.operand && operandText(spec.operand)].filter(Boolean).join(" "),
      spec.summary,
    ]),
  );
}

function columns(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length));
  return rows.map(([left, right]) => `  ${left.padEnd(width)}   ${right}`).join("\n");
}

function capitalized(text: string): string {
  return `${text[0]!.toUpperCase()}${text.slice(1)}.`;
}
