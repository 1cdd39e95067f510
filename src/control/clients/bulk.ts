// `PUT /clients`: many clients as JSON lines, read while they arrive and handed on a thousand at a
// time, each thousand stored together. While one part is being stored the next one is read. Putting
// the same lines again changes nothing, so an upload that broke off is simply repeated.

import { getSchemaValidator } from "elysia";
import type { ClientsPort, ClientsResult, NewClient, PutOutcome } from "../../shared/clients.ts";
import { problem } from "../../shared/problem.ts";
import { parseJson } from "../json-body.ts";
import { InvalidFields, Refusal, sentence } from "../refusal.ts";
import { describeErrors } from "../validation.ts";
import { type Line, linesOf } from "./lines.ts";
import { NewClientBody } from "./model.ts";

/** Bytes. */
export const BULK_LIMITS = { line: 64 * 1024, total: 64 * 1024 * 1024 } as const;
export const MAX_ERRORS = 100;
const PART = 1000;

export interface BulkError {
  readonly line: number;
  /** Null when the line does not say it. */
  readonly client_id: string | null;
  readonly detail: string;
}

export interface BulkReport {
  /** Lines that were dealt with; those after it, if any, were not. */
  lines: number;
  created: number;
  changed: number;
  unchanged: number;
  refused: number;
  /** The first refusals. */
  readonly errors: BulkError[];
}

interface Numbered {
  readonly line: number;
  readonly client: NewClient;
}

const validator = getSchemaValidator(NewClientBody, { normalize: false });

/** 200 with the report; 413 and 503 with what was done until then. `onEnd` gets it in any case. */
export async function putLines(
  body: AsyncIterable<Uint8Array>,
  clients: ClientsPort,
  onEnd: (report: BulkReport) => void,
): Promise<BulkReport | Response> {
  const upload = new Upload(clients);
  try {
    for await (const line of linesOf(body, BULK_LIMITS)) await upload.take(line);
    await upload.finish();
    return upload.report;
  } catch (error) {
    if (error instanceof Stopped) return stopped(503, "Service Unavailable", error, upload.report);
    if (!(error instanceof Refusal)) throw error;
    return await cutOff(error, upload);
  } finally {
    await upload.settled();
    onEnd(upload.report);
  }
}

/** The lines before the limit count. */
async function cutOff(refusal: Refusal, upload: Upload): Promise<Response> {
  try {
    await upload.finish();
  } catch (error) {
    if (error instanceof Stopped) return stopped(503, "Service Unavailable", error, upload.report);
    throw error;
  }
  return stopped(refusal.status, refusal.title, refusal, upload.report);
}

function stopped(status: number, title: string, { message }: Error, report: BulkReport): Response {
  // What the database says of one part, such as that nothing was changed, is not about those before.
  const detail =
    report.lines === 0
      ? `${message} Putting all again is safe.`
      : `The lines up to ${report.lines} are done, and putting all again is safe. The others: ${message}`;
  return problem(status, { title, detail, report }, status === 503 ? { "retry-after": "1" } : {});
}

/** The control plane could not go on. */
class Stopped extends Error {}

class Upload {
  readonly report: BulkReport = {
    lines: 0,
    created: 0,
    changed: 0,
    unchanged: 0,
    refused: 0,
    errors: [],
  };
  readonly #clients: ClientsPort;
  #part: Numbered[] = [];
  #refused: BulkError[] = [];
  #ids = new Set<string>();
  #lastLine = 0;
  #storing: Promise<void> = Promise.resolve();

  constructor(clients: ClientsPort) {
    this.#clients = clients;
  }

  async take(line: Line): Promise<void> {
    const read = readClient(line);
    // An id that comes again is a change after the first one, so it waits for the next part.
    const again = !("detail" in read) && this.#ids.has(read.client_id);
    if (this.#part.length + this.#refused.length >= PART || again) await this.#handOn();
    this.#lastLine = line.number;
    if ("detail" in read) this.#refused.push(read);
    else {
      this.#part.push({ line: line.number, client: read });
      this.#ids.add(read.client_id);
    }
  }

  /** Rejects with `Stopped`. */
  async finish(): Promise<void> {
    await this.#handOn();
    await this.#storing;
  }

  /** Nothing is being stored any more: the report is complete. */
  async settled(): Promise<void> {
    await this.#storing.catch(() => undefined);
  }

  async #handOn(): Promise<void> {
    const [part, refused, lastLine] = [this.#part, this.#refused, this.#lastLine];
    this.#part = [];
    this.#refused = [];
    this.#ids = new Set();
    await this.#storing;
    this.#storing = this.#store(part, refused, lastLine);
    // It is awaited before the next part; until then nobody listens.
    this.#storing.catch(() => undefined);
  }

  async #store(part: readonly Numbered[], refused: BulkError[], lastLine: number): Promise<void> {
    const outcomes: ClientsResult<readonly PutOutcome[]> =
      part.length === 0
        ? { ok: true, value: [] }
        : await this.#clients.putMany(part.map(({ client }) => client));
    if (!outcomes.ok) throw new Stopped("detail" in outcomes ? outcomes.detail : outcomes.reason);
    for (const [i, outcome] of outcomes.value.entries()) {
      if (typeof outcome === "string") this.report[outcome]++;
      else {
        const { line, client } = part[i]!;
        const detail = sentence(outcome.refused);
        refused.push({ line, client_id: client.client_id, detail });
      }
    }
    this.report.lines = lastLine;
    this.report.refused += refused.length;
    refused.sort((a, b) => a.line - b.line);
    this.report.errors.push(...refused.slice(0, MAX_ERRORS - this.report.errors.length));
  }
}

function readClient({ number, text }: Line): NewClient | BulkError {
  if (text === null) {
    const detail = `the line is not UTF-8, or longer than ${BULK_LIMITS.line} bytes`;
    return { line: number, client_id: null, detail };
  }
  let client_id: string | null = null;
  try {
    const value = parseJson(text);
    client_id = idIn(value);
    if (validator.Check(value)) return value as NewClient;
    const detail = sentence(describeErrors(validator.Errors(value) as never));
    return { line: number, client_id, detail };
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
    const detail =
      error instanceof InvalidFields ? sentence(error.fields) : "the line is not well-formed JSON";
    return { line: number, client_id, detail };
  }
}

function idIn(value: unknown): string | null {
  const id = (value as { readonly client_id?: unknown } | null)?.client_id;
  return typeof id === "string" ? id.slice(0, 128) : null;
}
