// One line a request, made when its answer is over and handed on in large pieces a few times a second.
// A JSON line is put together as bytes, without a string or an object for it: it costs a tenth of
// what a request does. Owned by one worker. Query values whose names sound secret never reach a
// line; `client_id` does.

import { createLogger, isoTime, quote } from "../../shared/log.ts";
import { MessageWriter } from "../http1/message-writer.ts";
import { Phrase } from "../http1/phrase.ts";
import { TRACE_EIGHTS } from "../tracing/trace-context.ts";
import type { Exchange } from "./exchange.ts";
import { FAILURE_WORDS } from "./failure-log.ts";
import { END_DIGITS, END_LINES } from "./request-ids.ts";

export interface AccessLogOptions {
  readonly format: "json" | "text";
  /** Takes finished lines in UTF-8, each ending in a newline. The bytes are its own. */
  readonly write: (lines: Uint8Array<ArrayBuffer>) => void;
}

export interface AccessLog {
  /** `elapsed` in ns, to the end of the answer's body. */
  record(exchange: Exchange, elapsed: number): void;
  /** Writes what is waiting; call it before the thread ends. */
  flush(): void;
}

const MAX_BYTES = 200_000;
const MAX_DELAY_MS = 100;

export function createAccessLog({ format, write }: AccessLogOptions): AccessLog {
  const writer = new MessageWriter();
  const line = format === "json" ? jsonLine : textLines(writer);
  let timer: ReturnType<typeof setTimeout> | null = null;

  const flush = (): void => {
    if (timer !== null) clearTimeout(timer);
    timer = null;
    if (writer.used === 0) return;
    const lines = Buffer.allocUnsafeSlow(writer.used);
    writer.bytes.copy(lines, 0, 0, writer.used);
    writer.reset();
    write(lines);
  };
  const record = (exchange: Exchange, elapsed: number): void => {
    line(writer, exchange, elapsed);
    if (writer.used > MAX_BYTES) flush();
    else timer ??= setTimeout(flush, MAX_DELAY_MS);
  };
  return { record, flush };
}

type Line = (writer: MessageWriter, exchange: Exchange, elapsed: number) => void;

const KEYS = {
  time: new Phrase('{"time":"'),
  requestId: new Phrase('","level":"info","component":"access","message":"request","request_id":'),
  traceId: new Phrase(',"trace_id":"'),
  client: new Phrase('","client":'),
  address: new Phrase(',"address":'),
  decision: new Phrase(',"decision":"'),
  backend: new Phrase('","backend":'),
  status: new Phrase(',"status":'),
  bytes: new Phrase(',"bytes":'),
  duration: new Phrase(',"duration_ms":'),
  method: new Phrase(',"method":'),
  path: new Phrase(',"path":'),
};

/**
 * The line that the process's logger would write about these fields. Only where there is something to
 * say: `broken_by`, who ended the exchange before its time; `failure`, how the last try at a backend
 * failed, in the words of failure-log.ts, whatever became of those before it.
 */
const jsonLine: Line = (writer, exchange, elapsed) => {
  const { clientId, backendUrl, bytes, brokenBy, failure } = exchange;
  writer.phrase(KEYS.time).text(isoTime(Date.now())).phrase(KEYS.requestId);
  requestId(writer, exchange);
  const { traceDigits, traceAt } = exchange;
  writer.phrase(KEYS.traceId).eights(traceDigits, traceAt, traceAt + TRACE_EIGHTS);
  writer.phrase(KEYS.client);
  if (clientId === null) writer.text("null");
  else text(writer, clientId);
  writer.phrase(KEYS.address);
  text(writer, addressOf(exchange));
  writer.phrase(KEYS.decision).text(exchange.decision).phrase(KEYS.backend);
  if (backendUrl === null) writer.text("null");
  else text(writer, backendUrl);
  writer.phrase(KEYS.status).number(exchange.status).phrase(KEYS.bytes);
  if (bytes === null) writer.text("null");
  else writer.number(bytes);
  writer.phrase(KEYS.duration);
  milliseconds(writer, elapsed);
  writer.phrase(KEYS.method);
  text(writer, exchange.method);
  writer.phrase(KEYS.path);
  text(writer, redact(exchange.target));
  if (brokenBy !== null) writer.text(',"broken_by":"').text(brokenBy).text('"');
  if (failure !== null) writer.text(',"failure":"').text(FAILURE_WORDS[failure]).text('"');
  writer.text("}\n");
};

/** One of ours needs no escape. */
function requestId(writer: MessageWriter, { givenId, idStart, idEnd }: Exchange): void {
  if (givenId !== null) text(writer, givenId);
  else writer.text('"').phrase(idStart.digits).part(END_LINES, idEnd, END_DIGITS).text('"');
}

/** A JSON string. What needs no escape, nearly everything, goes straight in. */
function text(writer: MessageWriter, value: string): void {
  const { length } = value;
  writer.reserve(length + 2);
  const { bytes, used } = writer;
  bytes[used] = QUOTE;
  for (let at = 0; at < length; at++) {
    const char = value.charCodeAt(at);
    if (char < 32 || char > 126 || char === QUOTE || char === BACKSLASH) {
      writer.add(Buffer.from(quote(value)));
      return;
    }
    bytes[used + 1 + at] = char;
  }
  bytes[used + 1 + length] = QUOTE;
  writer.used = used + length + 2;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** With three decimals: 12.050. */
function milliseconds(writer: MessageWriter, nanoseconds: number): void {
  const microseconds = Math.round(nanoseconds / 1e3);
  const whole = Math.floor(microseconds / 1e3);
  const rest = microseconds - whole * 1e3;
  writer
    .number(whole)
    .text(rest < 10 ? ".00" : rest < 100 ? ".0" : ".")
    .number(rest);
}

/** For people; not the way of a busy gateway. */
function textLines(writer: MessageWriter): Line {
  const log = createLogger({
    level: "info",
    format: "text",
    component: "access",
    writer: { write: (line) => void writer.add(Buffer.from(line)) },
  });
  return (_, exchange, elapsed) => log.info("request", fieldsOf(exchange, elapsed));
}

function fieldsOf(exchange: Exchange, elapsed: number) {
  return {
    request_id: exchange.requestId,
    trace_id: exchange.traceId,
    client: exchange.clientId,
    address: addressOf(exchange),
    decision: exchange.decision,
    backend: exchange.backendUrl,
    status: exchange.status,
    bytes: exchange.bytes,
    duration_ms: Math.round(elapsed / 1e3) / 1e3,
    method: exchange.method,
    path: redact(exchange.target),
    broken_by: exchange.brokenBy ?? undefined,
    failure: exchange.failure === null ? undefined : FAILURE_WORDS[exchange.failure],
  };
}

function addressOf({ address, peer }: Exchange): string {
  return address === "" ? peer : address;
}

/** Parts that make a parameter's name sound secret wherever they stand in it. */
const SECRET_PART =
  /token|secret|passw|passphrase|pwd|signature|credential|session|(?:api|access|private)[-_]?key/i;
/** Names that are secret as a whole; inside other words they are harmless (`monkey`, `author`). */
const SECRET_NAME = /^(auth|authorization|key|code|sig|hmac|pass|jwt|sid|otp|pin)$/i;

/** Whether there may be any of both, seen in one look; an escape may hide one. */
const SUSPECT = new RegExp(
  `%|${SECRET_PART.source}|[?&](?:${SECRET_NAME.source.slice(2, -2)})=`,
  "i",
);

const NAMING = "client_id=";

/** Whether the query from there on says who asks, and no more: most do, and need no search. */
function isNamingOnly(target: string, from: number): boolean {
  return target.startsWith(NAMING, from) && target.indexOf("&", from + NAMING.length) < 0;
}

/** The target with `***` in place of each query value whose name sounds secret. */
export function redact(target: string): string {
  const query = target.indexOf("?");
  if (query < 0 || isNamingOnly(target, query + 1) || !SUSPECT.test(target)) return target;
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

/** Byte by byte, as a backend may do it too: an escape that makes no sense must not hide the others. */
function decodeName(name: string): string {
  if (!name.includes("%")) return name;
  return name.replace(/%([\da-f]{2})/gi, (_, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  );
}
