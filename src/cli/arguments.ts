// Reads the command line. Pure: answers with a command or with one line that says what is wrong.

import { parseArgs } from "node:util";
import { closest } from "../config/closest.ts";

export type Command =
  | { readonly name: "serve"; readonly config: string | null }
  | { readonly name: "demo" }
  | { readonly name: "check"; readonly config: string | null }
  | { readonly name: "probe"; readonly url: string }
  | {
      readonly name: "hello";
      readonly host: string;
      readonly port: number;
      readonly label: string | null;
      readonly withStdin: boolean;
    }
  | { readonly name: "help" }
  | { readonly name: "version" };

export type ParsedArguments =
  | { readonly ok: true; readonly command: Command }
  | { readonly ok: false; readonly message: string };

type Flags = Readonly<Record<string, "string" | "boolean">>;

const FLAGS: Readonly<Record<string, Flags>> = {
  serve: { config: "string" },
  demo: {},
  check: { config: "string", url: "string" },
  hello: { host: "string", port: "string", name: "string", "with-stdin": "boolean" },
  help: {},
  version: {},
};

const EVERYWHERE: Flags = { help: "boolean", version: "boolean" };

/** `args`: what follows the executable's name. */
export function parseArguments(args: readonly string[]): ParsedArguments {
  const first = args[0];
  if (first !== undefined && !first.startsWith("-")) return parseCommand(first, args.slice(1));
  return parseCommand("serve", args);
}

function parseCommand(name: string, args: readonly string[]): ParsedArguments {
  const flags = Object.hasOwn(FLAGS, name) ? FLAGS[name] : undefined;
  if (flags === undefined) return wrong(`unknown command ${quoted(name)}${hint(name, FLAGS)}`);
  const known = new Map([...Object.entries(flags), ...Object.entries(EVERYWHERE)]);
  const { values, positionals, tokens } = parseArgs({
    args: [...args],
    options: {
      ...Object.fromEntries(Object.entries(flags).map(([flag, type]) => [flag, { type }])),
      help: { type: "boolean", short: "h" },
      version: { type: "boolean", short: "V" },
    },
    strict: false,
    tokens: true,
    allowPositionals: true,
  });
  for (const token of tokens) {
    if (token.kind !== "option") continue;
    const type = known.get(token.name);
    if (type === undefined) {
      return wrong(
        `unknown option ${quoted(token.rawName)} of ${name}${hint(token.name, flags, "--")}`,
      );
    }
    // Not strict, parseArgs would take `--config --help` for a missing value as well.
    if (type === "string" && !token.value) return wrong(`${token.rawName} needs a value`);
    if (type === "boolean" && token.value !== undefined)
      return wrong(`${token.rawName} takes no value`);
  }
  if (values["help"]) return ok({ name: "help" });
  if (values["version"]) return ok({ name: "version" });
  if (positionals.length > 0) return wrong(`unexpected argument ${quoted(positionals[0]!)}`);
  return commandOf(name, values);
}

function commandOf(name: string, values: Readonly<Record<string, unknown>>): ParsedArguments {
  const text = (flag: string): string | null => (values[flag] as string | undefined) ?? null;
  switch (name) {
    case "serve":
      return ok({ name, config: text("config") });
    case "check":
      return checkOf(text("config"), text("url"));
    case "hello":
      return helloOf(text("host"), text("port"), text("name"), values["with-stdin"] === true);
    case "demo":
    case "version":
      return ok({ name });
    default:
      return ok({ name: "help" });
  }
}

function checkOf(config: string | null, url: string | null): ParsedArguments {
  if (url === null) return ok({ name: "check", config });
  if (config !== null) return wrong("--url checks a running gateway, --config a file: not both");
  const protocol = URL.parse(url)?.protocol;
  return protocol === "http:" || protocol === "https:"
    ? ok({ name: "probe", url })
    : wrong("--url needs a URL that starts with http:// or https://");
}

function helloOf(
  host: string | null,
  port: string | null,
  label: string | null,
  withStdin: boolean,
): ParsedArguments {
  const number = /^\d{1,5}$/.test(port ?? "8080") ? Number(port ?? "8080") : Number.NaN;
  if (!(number <= 65_535)) return wrong("--port needs a number from 0 to 65535");
  return ok({ name: "hello", host: host ?? "::", port: number, label, withStdin });
}

function ok(command: Command): ParsedArguments {
  return { ok: true, command };
}

function wrong(message: string): ParsedArguments {
  return { ok: false, message };
}

function hint(word: string, table: object, prefix = ""): string {
  const close = closest(word, Object.keys(table)).map((name) => prefix + name);
  return close.length > 0 ? `; did you mean ${close.join(" or ")}?` : "";
}

function quoted(text: string): string {
  return JSON.stringify(text);
}
