// The gateway that a command asks, over HTTP: where it is, how to prove who asks, and what its
// refusals mean to the person who typed the command.

import { maskUrl } from "../../config/database.ts";
import { token as tokenKind } from "../../config/kinds.ts";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Remote } from "../command.ts";
import { readText } from "./input.ts";

export interface Ask {
  readonly body?: unknown;
  /** Instead of `body`: sent as it is. */
  readonly text?: { readonly type: string; readonly content: string };
  /** What an answer of success holds if it is a gateway's; without it, such an answer is 204. */
  readonly member?: string;
  /** Statuses of failure that the caller understands itself. */
  readonly accept?: readonly number[];
  /** How long the whole answer may take, in milliseconds. */
  readonly timeoutMs?: number;
}

export interface Answer<T> {
  readonly status: number;
  readonly value: T;
}

interface Token {
  readonly text: string;
  /** For messages: `ADMIN_TOKEN` or the name of the file. */
  readonly from: string;
}

type Environment = Readonly<Record<string, string | undefined>>;

/** More than any one call takes, even with a database that hangs. */
const TIMEOUT_MS = 30_000;

export class RunningGateway {
  /** For people: without a trailing slash, and without the password that a proxy in front may want. */
  readonly url: string;
  readonly #base: string;
  readonly #token: Token | null;

  constructor(url: string, token: Token | null) {
    this.#base = url.replace(/\/+$/, "");
    this.url = maskUrl(this.#base);
    this.#token = token;
  }

  /** Throws `StartError` when the environment or the token's file is of no use. */
  static async of({ url, tokenFile }: Remote, env: Environment): Promise<RunningGateway> {
    const base = url ?? urlFrom(env);
    // Behind either, a path is none: the request would go to a backend, and the token with it.
    if (/[?#]/.test(base)) {
      const from = url === null ? "GATEWAY_URL" : "--url";
      throw new StartError(
        EXIT.usage,
        `${from} needs a URL without ? and #, to which paths are added`,
      );
    }
    return new RunningGateway(base, await tokenFrom(tokenFile, env));
  }

  /** The answer's JSON; null for an answer without a body. Throws `StartError` on a refusal. */
  async ask<T>(method: string, path: string, options: Ask = {}): Promise<Answer<T>> {
    const { response, text } = await this.#fetch(method, path, options);
    const { status, ok } = response;
    const type = response.headers.get("content-type") ?? "";
    const value = /^application\/([a-z.]+\+)?json\b/.test(type) ? objectIn(text) : null;
    if (!ok && value !== null) {
      if (options.accept?.includes(status)) return { status, value: value as T };
      throw this.#refusal(status, value);
    }
    const { member } = options;
    const fits =
      member === undefined ? status === 204 : value !== null && Object.hasOwn(value, member);
    if (ok && fits) return { status, value: value as T };
    throw this.#stranger(method, path, status);
  }

  /** The text of an answer of another type. */
  async text(path: string): Promise<string> {
    const { response, text } = await this.#fetch("GET", path, {});
    if (response.ok) return text;
    const problem = objectIn(text);
    throw problem === null
      ? this.#stranger("GET", path, response.status)
      : this.#refusal(response.status, problem);
  }

  #stranger(method: string, path: string, status: number): StartError {
    return new StartError(
      EXIT.failed,
      `${this.url} answered ${status} to ${method} ${path}, and not as a gateway does: is it one, ` +
        "and of this version?",
    );
  }

  async #fetch(
    method: string,
    path: string,
    { body, text, timeoutMs = TIMEOUT_MS }: Ask,
  ): Promise<{ response: Response; text: string }> {
    const content = text?.content ?? (body === undefined ? null : JSON.stringify(body));
    const headers = new Headers({ accept: "application/json, text/plain;q=0.5" });
    if (content !== null) headers.set("content-type", text?.type ?? "application/json");
    if (this.#token) headers.set("authorization", `Bearer ${this.#token.text}`);
    const url = new URL(this.#base + path);
    // What a URL makes of `..` leads elsewhere: to a backend, which would be told the token.
    if (!(url.pathname + url.search).endsWith(path)) {
      throw new StartError(EXIT.usage, `no URL can have the path ${path}`);
    }
    try {
      const response = await fetch(url, {
        method,
        headers,
        body: content,
        redirect: "manual",
        signal: AbortSignal.timeout(timeoutMs),
      });
      return { response, text: await response.text() };
    } catch (error) {
      throw new StartError(EXIT.unavailable, this.#unreachable(error, timeoutMs));
    }
  }

  #unreachable(error: unknown, timeoutMs: number): string {
    const { name, code, message } = error as { name?: string; code?: string; message?: string };
    if (name === "TimeoutError") return `${this.url} did not answer in ${timeoutMs / 1000} s`;
    const refused = code === "ConnectionRefused" || code === "ECONNREFUSED";
    return refused
      ? `no gateway listens at ${this.url}\nStart one with gateway serve, or say where it is with --url or GATEWAY_URL.`
      : `${this.url} cannot be reached: ${message ?? String(error)}`;
  }

  #refusal(status: number, problem: object): StartError {
    const { detail, title } = problem as { detail?: string; title?: string };
    const why = detail ?? title ?? `status ${status}`;
    switch (status) {
      case 401:
        return new StartError(
          EXIT.notPermitted,
          this.#token
            ? `${this.url} does not accept the token from ${this.#token.from}`
            : `${this.url} wants its admin token: put it into ADMIN_TOKEN, or into a file for --token-file`,
        );
      case 403:
        return new StartError(EXIT.notPermitted, `${this.url} refuses: ${why}`);
      case 503:
        return new StartError(EXIT.unavailable, `${this.url} cannot do it now: ${why}`);
      default:
        return new StartError(EXIT.failed, why);
    }
  }
}

/** The JSON object that a text is; null when it is none. */
function objectIn(text: string): object | null {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

function urlFrom(env: Environment): string {
  const url = env["GATEWAY_URL"];
  if (url) {
    const protocol = URL.parse(url)?.protocol;
    if (protocol === "http:" || protocol === "https:") return url;
    throw new StartError(
      EXIT.usage,
      `GATEWAY_URL needs a URL that starts with http:// or https://, not ${JSON.stringify(maskUrl(url))}`,
    );
  }
  const port = env["PORT"] || "3030";
  if (/^\d{1,5}$/.test(port)) return `http://127.0.0.1:${port}`;
  throw new StartError(EXIT.usage, `PORT needs a number, not ${JSON.stringify(port)}`);
}

/** A token in the arguments would be seen by every process of the machine. */
async function tokenFrom(file: string | null, env: Environment): Promise<Token | null> {
  if (file === null) {
    const text = env["ADMIN_TOKEN"];
    return text ? usable(text, "ADMIN_TOKEN") : null;
  }
  return usable((await readText(file)).trim(), file);
}

function usable(text: string, from: string): Token {
  if (tokenKind.parse(text).ok) return { text, from };
  throw new StartError(EXIT.usage, `${from} holds no admin token: it has ${tokenKind.accepts}`);
}
