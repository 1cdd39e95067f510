// Every command of the executable, once: parsing, `--help` and shell completion are made from this
// table, so they cannot differ. The order is that of `--help`.

import * as kinds from "../config/kinds.ts";
import type { Kind } from "../config/kinds.ts";
import {
  CLIENT_ID,
  CLIENT_ID_IN_WORDS,
  MAX_CAPACITY,
  MAX_RATE_PER_SEC,
} from "../shared/clients.ts";
import type { Choices, Command, CommandSpec, Operand, Option, Options, Values } from "./command.ts";

interface Definition<O extends Options> {
  readonly operand?: Operand;
  readonly options?: O;
  readonly notes?: string;
  readonly read: (values: Values<O>, operands: readonly string[]) => Command | string;
}

function command<const O extends Options>(
  name: string,
  summary: string,
  { operand, options, notes = "", read }: Definition<O>,
): CommandSpec {
  return { name, summary, operand: operand ?? null, options: options ?? {}, notes, read };
}

function option<T>(
  placeholder: string,
  kind: Kind<T>,
  meaning: string,
  choices: Choices = [],
): Option<T> & { readonly kind: Kind<T> } {
  return { kind, placeholder, meaning, choices };
}

function flag(meaning: string): Option & { readonly kind: null } {
  return { kind: null, placeholder: "", meaning, choices: [] };
}

function oneOf<const T extends string>(placeholder: string, words: readonly T[], meaning: string) {
  return option(placeholder, kinds.oneOf(...words), meaning, words);
}

function accepted<T>(accepts: string, parse: (text: string) => T | undefined): Kind<T> {
  return {
    accepts,
    parse(text) {
      const value = parse(text);
      return value === undefined ? { ok: false } : { ok: true, value };
    },
  };
}

const text = accepted("some text", (given) => given || undefined);
const clientId = accepted(CLIENT_ID_IN_WORDS, (given) =>
  CLIENT_ID.test(given) ? given : undefined,
);
const httpUrl = accepted("a URL that starts with http:// or https://", (given) => {
  const protocol = URL.parse(given)?.protocol;
  return protocol === "http:" || protocol === "https:" ? given : undefined;
});

const CONFIG = option("FILE", text, "a YAML file with settings; also GATEWAY_CONFIG", "files");
const FORMAT = oneOf(
  "FORMAT",
  ["csv", "jsonl"],
  "csv or jsonl; else by the file's name or content",
);
const ONE_ID: Operand = { placeholder: "CLIENT_ID", kind: clientId, choices: [], count: "one" };
const MANY_IDS: Operand = { ...ONE_ID, count: "many" };

/** Shared by all commands that ask a running gateway. */
const REMOTE = {
  url: option(
    "URL",
    httpUrl,
    "the gateway; else GATEWAY_URL, else port PORT or 3030 of this machine",
  ),
  "token-file": option(
    "FILE",
    text,
    "a file that holds the admin token; else ADMIN_TOKEN",
    "files",
  ),
  json: flag("answer in JSON, for programs"),
};

function remote(values: Values<typeof REMOTE>) {
  return { remote: { url: values.url, tokenFile: values["token-file"], json: values.json } };
}

const SERVER: readonly CommandSpec[] = [
  command("serve", "run the gateway", {
    options: {
      config: CONFIG,
      takeover: flag("replace the gateway that runs here, without a request lost"),
    },
    notes: "This is what gateway does without a command. Settings: see gateway --help.",
    read: ({ config, takeover }) => ({ name: "serve", config, takeover }),
  }),
  command("demo", "try it: three backends, sample clients, a gateway", {
    read: () => ({ name: "demo" }),
  }),
  command("check", "validate the configuration, or ask a running gateway whether it is well", {
    options: { config: CONFIG, url: option("URL", httpUrl, "exit 0 when this URL answers 2xx") },
    read: ({ config, url }) => {
      if (url === null) return { name: "check", config };
      if (config === null) return { name: "probe", url };
      return "--url checks a running gateway, --config a file: not both";
    },
  }),
  command("hello", "a backend that says hello, to try things with", {
    options: {
      host: option("HOST", text, "address to listen on, default ::"),
      port: option("N", kinds.integer(0, 65_535), "default 8080; 0 takes a free one"),
      name: option("NAME", text, "what it calls itself, default the host name"),
      "with-stdin": flag("end when stdin ends"),
    },
    read: (values) => ({
      name: "hello",
      host: values.host ?? "::",
      port: values.port ?? 8080,
      label: values.name,
      withStdin: values["with-stdin"],
    }),
  }),
];

const CLIENTS: readonly CommandSpec[] = [
  command("clients list", "registered clients, ordered by client_id", {
    options: {
      limit: option("N", kinds.integer(1, 1e9), "at most this many"),
      after: option("CLIENT_ID", clientId, "those that come after this one"),
      ...REMOTE,
    },
    read: (values) => ({
      name: "clients list",
      limit: values.limit,
      after: values.after,
      ...remote(values),
    }),
  }),
  command("clients get", "one client with its live tokens and its use", {
    operand: ONE_ID,
    options: REMOTE,
    read: (values, [id]) => ({ name: "clients get", clientId: id!, ...remote(values) }),
  }),
  command("clients set", "create a client, or change its limit at once", {
    operand: ONE_ID,
    options: {
      capacity: option(
        "N",
        kinds.decimal({ least: 1, most: MAX_CAPACITY }),
        "most tokens the bucket holds: the largest burst",
      ),
      rate: option(
        "N",
        kinds.decimal({ least: 0, most: MAX_RATE_PER_SEC, above: true }),
        "tokens that come back per second",
      ),
      tokens: option("N", kinds.decimal({ least: 0, most: MAX_CAPACITY }), "tokens in it now"),
      ...REMOTE,
    },
    notes: `A new client needs --capacity and --rate and starts full. A client that exists keeps what is
not given, and of its tokens the fraction that is left.`,
    read: ({ capacity, rate, tokens, ...rest }, [id]) => {
      if (capacity === null && rate === null && tokens === null) {
        return "nothing to set: give --capacity, --rate or --tokens";
      }
      return {
        name: "clients set",
        clientId: id!,
        capacity,
        ratePerSec: rate,
        currentTokens: tokens,
        ...remote(rest),
      };
    },
  }),
  command("clients delete", "remove clients; their requests count as anonymous from then on", {
    operand: MANY_IDS,
    options: REMOTE,
    read: (values, clientIds) => ({ name: "clients delete", clientIds, ...remote(values) }),
  }),
  command("clients reset", "make buckets full again, and their counters zero", {
    operand: MANY_IDS,
    options: REMOTE,
    read: (values, clientIds) => ({ name: "clients reset", clientIds, ...remote(values) }),
  }),
  command("clients import", "create and change many clients from a file", {
    operand: { placeholder: "FILE|-", kind: text, choices: "files", count: "one" },
    options: {
      format: FORMAT,
      "keep-going": flag("send the good rows although others are refused"),
      "dry-run": flag("only say which rows would be refused"),
      ...REMOTE,
    },
    notes: `CSV begins with a line that names its columns: client_id,capacity,rate_per_sec and, if wanted,
current_tokens. JSON lines are objects with these fields. Every row is checked before the first is
sent: when one is refused, nothing changes. An import that was interrupted can be run again.`,
    read: (values, [file]) => ({
      name: "clients import",
      file: file!,
      format: values.format,
      keepGoing: values["keep-going"],
      dryRun: values["dry-run"],
      ...remote(values),
    }),
  }),
  command("clients export", "write all clients to a file or to stdout", {
    operand: { placeholder: "FILE|-", kind: text, choices: "files", count: "optional" },
    options: {
      format: FORMAT,
      "without-tokens": flag("limits only: an import leaves the buckets as they are"),
      ...REMOTE,
    },
    notes:
      "What it writes, clients import reads. Without --format: by the file's name, else jsonl.",
    read: (values, [file]) => ({
      name: "clients export",
      file: file ?? null,
      format: values.format ?? (values.json ? "jsonl" : null),
      withoutTokens: values["without-tokens"],
      ...remote(values),
    }),
  }),
];

const PEOPLE: readonly CommandSpec[] = [
  command("status", "is the gateway up, and how are its backends; exit 1 when it is not ready", {
    options: REMOTE,
    read: (values) => ({ name: "status", ...remote(values) }),
  }),
  command("top", "who is being limited, live in the terminal", {
    options: {
      by: oneOf("ORDER", ["rejected", "admitted"], "rejected (default) or admitted"),
      limit: option("N", kinds.integer(1, 100), "how many, default 20"),
      interval: option("TIME", kinds.duration("200ms", "1m"), "between two looks, default 1s"),
      ...REMOTE,
    },
    notes:
      "With --json, or when stdout is no terminal: one look. Keys: r and a change the order, q ends.",
    read: (values) => ({
      name: "top",
      by: values.by ?? "rejected",
      limit: values.limit ?? 20,
      intervalMs: values.interval ?? 1_000,
      ...remote(values),
    }),
  }),
];

const ITSELF: readonly CommandSpec[] = [
  command("completion", "print a script that completes commands in a shell", {
    operand: {
      placeholder: "SHELL",
      kind: kinds.oneOf("bash", "zsh", "fish"),
      choices: ["bash", "zsh", "fish"],
      count: "one",
    },
    notes: `  bash: source <(gateway completion bash)                                   in ~/.bashrc
  zsh:  source <(gateway completion zsh)                                    in ~/.zshrc, after compinit
  fish: gateway completion fish > ~/.config/fish/completions/gateway.fish`,
    read: (_, [shell]) => ({ name: "completion", shell: shell as "bash" | "zsh" | "fish" }),
  }),
  command("help", "this text, or that of a command", {
    operand: {
      placeholder: "COMMAND",
      kind: text,
      get choices() {
        return wordsAfter("");
      },
      count: "any",
    },
    read: (_, words) => ({ name: "help", topic: words.join(" ") }),
  }),
  command("version", "print the version", { read: () => ({ name: "version" }) }),
];

export const COMMANDS: readonly CommandSpec[] = [...SERVER, ...CLIENTS, ...PEOPLE, ...ITSELF];

/** First words that need a second one. */
export const GROUPS: ReadonlySet<string> = new Set(
  COMMANDS.map(({ name }) => name.split(" ")).flatMap(([group, word]) => (word ? [group!] : [])),
);

/** The words that may come next: after nothing, or after the name of a group. */
export function wordsAfter(group: string): string[] {
  const at = group === "" ? 0 : 1;
  const names = COMMANDS.map(({ name }) => name.split(" "));
  const next = names.filter((words) => at === 0 || words[0] === group).map((words) => words[at]);
  return [...new Set(next)].filter((word) => word !== undefined);
}

/** The command of exactly this name. */
export function commandNamed(name: string): CommandSpec | null {
  return COMMANDS.find((spec) => spec.name === name) ?? null;
}
