// The page's line to the gateway: the admin token, the event stream, and every other request. The
// token lives in this module's memory only: not in the address, not in any storage. A stream that
// breaks, or is silent for too long, is opened again, and the page says so meanwhile.

import { effect, signal } from "@preact/signals";
import type { HistoryEvent, StateEvent } from "../control/dashboard/model.ts";
import { readEvents } from "./event-stream.ts";
import { addSamples } from "./history.ts";

/** `asking`: the token is wanted. `lost`: it was there, and is being sought again. */
export type Link = "asking" | "connecting" | "live" | "lost";

const SILENCE_MS = 5000;
const RETRY_MS = [500, 1000, 2000, 3000];

const wantsToken = document.documentElement.dataset["token"] === "wanted";
let token: string | null = null;

export const link = signal<Link>(wantsToken ? "asking" : "connecting");
/** Why the token was not taken. */
export const refusal = signal("");
export const state = signal<StateEvent | null>(null);

export class Problem extends Error {
  readonly status: number;
  readonly fields: ReadonlyMap<string, string>;

  constructor(status: number, detail: string, fields: ReadonlyMap<string, string> = new Map()) {
    super(detail);
    this.status = status;
    this.fields = fields;
  }
}

/** The answer's JSON; null without one. Rejects with a `Problem` that a person can read. */
export async function ask<T>(method: string, path: string, body?: unknown): Promise<T> {
  // What a URL makes of `..` leads elsewhere: to a backend, which would be told the token.
  const { pathname, search } = new URL(path, location.origin);
  if (pathname + search !== path) throw new Problem(0, `No URL can have the path ${path}.`);
  let answer: Response;
  try {
    answer = await request(path, {
      method,
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
  } catch {
    throw new Problem(0, "The gateway does not answer.");
  }
  const text = await answer.text();
  const json = text === "" ? null : (JSON.parse(text) as unknown);
  if (answer.ok) return json as T;
  if (answer.status === 401) signOut((json as { detail: string }).detail);
  const { detail, errors = [] } = json as {
    detail: string;
    errors?: { field: string; message: string }[];
  };
  throw new Problem(
    answer.status,
    detail,
    new Map(errors.map(({ field, message }) => [field, message])),
  );
}

function request(path: string, init: RequestInit): Promise<Response> {
  const headers = new Headers({ "content-type": "application/json" });
  if (token !== null) headers.set("authorization", `Bearer ${token}`);
  return fetch(path, { ...init, headers });
}

/** Tries the token; `refusal` says when it is the wrong one. */
export function signIn(given: string): void {
  token = given;
  refusal.value = "";
  link.value = "connecting";
  void follow();
}

function signOut(why: string): void {
  token = null;
  refusal.value = why;
  link.value = "asking";
}

/** Follows the stream until the token is refused. */
async function follow(): Promise<void> {
  for (let tries = 0; link.peek() !== "asking"; tries++) {
    const before = performance.now();
    await listen();
    if (link.peek() === "asking") return;
    link.value = "lost";
    // A stream that held for a while was a good one: start over with the short pauses.
    if (performance.now() - before > SILENCE_MS) tries = 0;
    await pause(RETRY_MS[Math.min(tries, RETRY_MS.length - 1)]!);
  }
}

/** One stream to its end. Never rejects. */
async function listen(): Promise<void> {
  const silence = new AbortController();
  let timer = setTimeout(() => silence.abort(), SILENCE_MS);
  try {
    const answer = await request("/-/dashboard/events", { signal: silence.signal });
    if (answer.status === 401) return signOut(((await answer.json()) as { detail: string }).detail);
    if (!answer.ok || answer.body === null) return;
    for await (const { name, data } of readEvents(answer.body)) {
      clearTimeout(timer);
      timer = setTimeout(() => silence.abort(), SILENCE_MS);
      take(name, data);
    }
  } catch {
    // The connection broke; `follow` goes on.
  } finally {
    clearTimeout(timer);
  }
}

function take(name: string, data: string): void {
  if (name === "history") addSamples((JSON.parse(data) as HistoryEvent).samples);
  if (name !== "state") return;
  const now = JSON.parse(data) as StateEvent;
  state.value = now;
  link.value = "live";
  addSamples(now.samples);
}

/** A person who comes back to the page, or a network that does, need not wait. */
function pause(ms: number): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, ms);
    addEventListener("online", () => resolve(), { once: true });
    addEventListener("visibilitychange", () => resolve(), { once: true });
  });
}

effect(() => {
  document.title = link.value === "lost" ? "Gateway (connection lost)" : "Gateway";
});

if (!wantsToken) void follow();
