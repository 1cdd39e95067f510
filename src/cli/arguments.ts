// Reads the command line by the table of commands. Pure: answers with a command or with one line
// that says what is wrong.

import { closest } from "../config/closest.ts";
import { maskUrl } from "../config/database.ts";
import type { Command, CommandSpec, Operand, Option, Options } from "./command.ts";
import { commandNamed, GROUPS, wordsAfter } from "./commands.ts";

export type { Command } from "./command.ts";

export type ParsedArguments =
  | { readonly ok: true; readonly command: Command }
  | {
      readonly ok: false;
      readonly message: string;
      /** The command meant. */ readonly topic: string;
    };

type Problem = string;

/** `args`: what follows the executable's name. */
export function parseArguments(args: readonly string[]): ParsedArguments {
  const first = args[0];
  if (first === undefined || first.startsWith("-")) return parseFor("serve", "", args);
  if (!GROUPS.has(first)) {
    if (commandNamed(first)) return parseFor(first, first, args.slice(1));
    return wrong(`unknown command ${quoted(first)}${hint(first, wordsAfter(""))}`);
  }
  const second = args[1];
  if (second === "--help" || second === "-h") return ok({ name: "help", topic: first });
  const words = wordsAfter(first);
  if (second === undefined || second.startsWith("-")) {
    return wrong(`${first} needs one of ${words.join(", ")}`, first);
  }
  const name = `${first} ${second}`;
  if (commandNamed(name)) return parseFor(name, name, args.slice(2));
  return wrong(`unknown command ${quoted(name)}${hint(second, words, `${first} `)}`, first);
}

/** `topic`: what `--help` is about. */
function parseFor(name: string, topic: string, args: readonly string[]): ParsedArguments {
  const spec = commandNamed(name)!;
  const { values, positionals, tokens } =
    args.length === 0 ? NOTHING : parseWith(spec.options, args);
  for (const token of tokens) {
    const problem = token.kind === "option" && tokenProblem(spec, token);
    if (problem) return wrong(problem, topic);
  }
  if (values["help"]) return ok({ name: "help", topic });
  if (values["version"]) return ok({ name: "version" });
  const given = readValues(spec.options, values);
  if (typeof given === "string") return wrong(given, topic);
  const problem = operandProblem(spec, positionals);
  if (problem) return wrong(problem, topic);
  const command = spec.read(given as never, positionals);
  return typeof command === "string" ? wrong(command, topic) : ok(command);
}

const NOTHING: ReturnType<typeof parseWith> = { values: {}, positionals: [], tokens: [] };

function parseWith(known: Options, args: readonly string[]) {
  // Loaded where there is something to read: it takes 2 ms of a start.
  const { parseArgs } = process.getBuiltinModule("node:util");
  const options = Object.entries(known).map(
    ([option, { kind }]) => [option, { type: typeOf(kind) }] as const,
  );
  return parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(options),
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "V" },
    },
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
}

function typeOf(kind: Option["kind"]): "string" | "boolean" {
  return kind === null ? "boolean" : "string";
}

interface OptionToken {
  readonly name: string;
  readonly rawName: string;
  readonly value?: string | undefined;
  readonly inlineValue?: boolean | undefined;
}

function tokenProblem(spec: CommandSpec, token: OptionToken): Problem | null {
  const { name, rawName, value } = token;
  const isGlobal = name === "help" || name === "version";
  if (!isGlobal && !Object.hasOwn(spec.options, name)) {
    const close = hint(name, Object.keys(spec.options), "--");
    return `unknown option ${quoted(rawName)} of ${spec.name}${close}`;
  }
  const takesValue = !isGlobal && spec.options[name]!.kind !== null;
  // Not strict, parseArgs takes the next option for the value.
  const swallowed = token.inlineValue === false && value?.startsWith("--");
  if (takesValue && (!value || swallowed)) return `${rawName} needs a value`;
  return !takesValue && value !== undefined ? `${rawName} takes no value` : null;
}

function readValues(
  options: Options,
  given: Readonly<Record<string, unknown>>,
): Record<string, unknown> | Problem {
  const values: Record<string, unknown> = {};
  for (const [name, { kind }] of Object.entries(options)) {
    const text = given[name];
    if (kind === null) values[name] = text === true;
    else if (typeof text !== "string") values[name] = null;
    else {
      const parsed = kind.parse(text);
      if (!parsed.ok) return `--${name} needs ${kind.accepts}, not ${quoted(maskUrl(text))}`;
      values[name] = parsed.value;
    }
  }
  return values;
}

const OPERANDS = {
  one: [1, 1],
  optional: [0, 1],
  many: [1, Infinity],
  any: [0, Infinity],
} as const;

function operandProblem({ name, operand }: CommandSpec, given: readonly string[]): Problem | null {
  const [least, most] = operand === null ? [0, 0] : OPERANDS[operand.count];
  if (given.length > most) return `unexpected argument ${quoted(given[most]!)}`;
  if (operand === null) return null;
  if (given.length < least) return `${name} needs ${wanted(operand)}`;
  const bad = given.find((text) => !operand.kind.parse(text).ok);
  if (bad === undefined) return null;
  return `${quoted(bad)} is no ${operand.placeholder}: ${operand.kind.accepts}`;
}

function wanted({ placeholder, count, choices }: Operand): string {
  if (choices !== "files" && choices.length > 0) return choices.join(" or ");
  return `${count === "many" ? "at least one " : "a "}${placeholder}`;
}

function ok(command: Command): ParsedArguments {
  return { ok: true, command };
}

function wrong(message: string, topic = ""): ParsedArguments {
  return { ok: false, message, topic };
}

function hint(word: string, words: readonly string[], prefix = ""): string {
  const close = closest(word, words).map((name) => prefix + name);
  return close.length > 0 ? `; did you mean ${close.join(" or ")}?` : "";
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
