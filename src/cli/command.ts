// What a command of the executable is: the typed value the command line becomes, and the entry of
// the table (`commands.ts`) from which parsing, `--help` and shell completion are made.

import type { Kind } from "../config/kinds.ts";

/** How to reach the running gateway, and how to answer. */
export interface Remote {
  /** Origin from `--url`; null: from the environment. */
  readonly url: string | null;
  readonly tokenFile: string | null;
  readonly json: boolean;
}

export type Format = "csv" | "jsonl";
export type Shell = "bash" | "zsh" | "fish";
export type Ranking = "rejected" | "admitted";

/** A command that asks a running gateway. */
export type RemoteCommand = { readonly remote: Remote } & (
  | { readonly name: "status" }
  | {
      readonly name: "top";
      readonly by: Ranking;
      readonly limit: number;
      readonly intervalMs: number;
    }
  | { readonly name: "clients list"; readonly limit: number | null; readonly after: string | null }
  | { readonly name: "clients get"; readonly clientId: string }
  | {
      readonly name: "clients set";
      readonly clientId: string;
      readonly capacity: number | null;
      readonly ratePerSec: number | null;
      readonly currentTokens: number | null;
    }
  | { readonly name: "clients delete" | "clients reset"; readonly clientIds: readonly string[] }
  | {
      readonly name: "clients import";
      /** `-` is stdin. */
      readonly file: string;
      readonly format: Format | null;
      /** Good rows are sent although others are refused. */
      readonly keepGoing: boolean;
      readonly dryRun: boolean;
    }
  | {
      readonly name: "clients export";
      /** Null or `-` is stdout. */
      readonly file: string | null;
      readonly format: Format | null;
      readonly withoutTokens: boolean;
    }
);

export type Command =
  | { readonly name: "serve"; readonly config: string | null; readonly takeover: boolean }
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
  | { readonly name: "completion"; readonly shell: Shell }
  /** `topic`: name of a command or of a group of them; empty: everything. */
  | { readonly name: "help"; readonly topic: string }
  | { readonly name: "version" }
  | RemoteCommand;

/** `files`: a shell completes names of files. */
export type Choices = readonly string[] | "files";

export interface Option<T = unknown> {
  /** What values it takes; null: it is a switch. */
  readonly kind: Kind<T> | null;
  /** Stands for the value in `--help`. */
  readonly placeholder: string;
  readonly meaning: string;
  readonly choices: Choices;
}

export type Options = Readonly<Record<string, Option>>;

/** Null: the option was not given. */
export type Values<O extends Options> = {
  readonly [K in keyof O]: O[K] extends { readonly kind: Kind<infer T> } ? T | null : boolean;
};

export interface Operand {
  readonly placeholder: string;
  readonly kind: Kind<unknown>;
  readonly choices: Choices;
  /** `many`: at least one. `any`: none, too. */
  readonly count: "one" | "optional" | "many" | "any";
}

export interface CommandSpec {
  /** One word, or two: a group and a command of it. */
  readonly name: string;
  readonly summary: string;
  readonly operand: Operand | null;
  readonly options: Options;
  /** More for `--help`. */
  readonly notes: string;
  /** A text instead of a command says what is wrong with the combination of what was given. */
  readonly read: (values: never, operands: readonly string[]) => Command | string;
}
