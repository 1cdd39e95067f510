// One line a request, written off the path: a request only leaves a small record; a few times a
// second the records become lines in one piece. Owned by one worker. Query values whose names sound
// secret never reach a line; `client_id` does.

import { createLogger } from "../../shared/log.ts";
import type { Decision, Exchange } from "./exchange.ts";

export interface AccessLogOptions {
  readonly format: "json" | "text";
  /** Takes finished lines, each ending in a newline. */
  readonly write: (lines: string) => void;
}

export interface AccessLog {
  /** `elapsed` in ns, to the end of the answer's body. */
  record(exchange: Exchange, elapsed: number): void;
  /** Writes what is waiting; call it before the thread ends. */
  flush(): void;
}

interface Entry {
  /** Wall clock, ms. */
  readonly time: number;
  readonly requestId: string;
  readonly traceId: string;
  readonly client: string | null;
  readonly address: string;
  readonly decision: Decision;
  readonly backend: string | null;
  readonly status: number;
  readonly bytes: number | null;
  readonly elapsed: number;
  readonly method: string;
  readonly target: string;
  readonly brokenBy: Exchange["brokenBy"];
}

const MAX_ENTRIES = 256;
const MAX_DELAY_MS = 100;

export function createAccessLog({ format, write }: AccessLogOptions): AccessLog {
  let entries: Entry[] = [];
  let timer: ReturnType<typeof setTimeout> | null = null;
  let time = 0;
  let lines = "";
  const writer = { write: (line: string) => void (lines += line) };
  const log = createLogger({
    level: "info",
    format,
    component: "access",
    writer,
    now: () => time,
  });

  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    const batch = entries;
    entries = [];
    lines = "";
    for (const entry of batch) {
      time = entry.time;
      log.info("request", fieldsOf(entry));
    }
    if (lines !== "") write(lines);
  };
  const record = (exchange: Exchange, elapsed: number): void => {
    entries.push(entryOf(exchange, elapsed));
    if (entries.length >= MAX_ENTRIES) flush();
    else timer ??= setTimeout(flush, MAX_DELAY_MS);
  };
  return { record, flush };
}

/** The record holds no exchange: that would keep its buffers alive until the next flush. */
function entryOf(exchange: Exchange, elapsed: number): Entry {
  return {
    time: Date.now(),
    requestId: exchange.requestId,
    traceId: exchange.traceId,
    client: exchange.clientId,
    address: exchange.address === "" ? exchange.peer : exchange.address,
    decision: exchange.decision,
    backend: exchange.backendUrl,
    status: exchange.status,
    bytes: exchange.bytes,
    elapsed,
    method: exchange.method,
    target: exchange.target,
    brokenBy: exchange.brokenBy,
  };
}

function fieldsOf(entry: Entry) {
  return {
    request_id: entry.requestId,
    trace_id: entry.traceId,
    client: entry.client,
    address: entry.address,
    decision: entry.decision,
    backend: entry.backend,
    status: entry.status,
    bytes: entry.bytes,
    duration_ms: Math.round(entry.elapsed / 1e3) / 1e3,
    method: entry.method,
    path: redact(entry.target),
    broken_by: entry.brokenBy ?? undefined,
  };
}

/** Parts that make a parameter's name sound secret wherever they stand in it. */
const SECRET_PART =
  /token|secret|passw|pwd|signature|credential|session|api[-_]?key|access[-_]?key/i;
/** Names that are secret as a whole; inside other words they are harmless (`monkey`, `author`). */
const SECRET_NAME = /^(auth|authorization|key|code|sig|hmac|pass|jwt|sid|otp|pin)$/i;

/** Whether there may be any of both, seen in one look; an escape may hide one. */
const SUSPECT = new RegExp(
  `%|${SECRET_PART.source}|[?&](?:${SECRET_NAME.source.slice(2, -2)})=`,
  "i",
);

/** The target with `***` in place of each query value whose name sounds secret. */
export function redact(target: string): string {
  const query = target.indexOf("?");
  if (query < 0 || !SUSPECT.test(target)) return target;
  const parameters = target.slice(query + 1).split("&");
  const shown = parameters.map((parameter) => {
    const equals = parameter.indexOf("=");
    if (equals < 0) return parameter;
    const name = decodeName(parameter.slice(0, equals));
    const secret = SECRET_PART.test(name) || SECRET_NAME.test(name);
    return secret ? `${parameter.slice(0, equals)}=***` : parameter;
  });
  return `${target.slice(0, query)}?${shown.join("&")}`;
}

function decodeName(name: string): string {
  if (!name.includes("%")) return name;
  try {
    return decodeURIComponent(name);
  } catch {
    return name;
  }
}
