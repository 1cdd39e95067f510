// The rows of a file of clients, CSV or JSON lines: each with its line, good or refused. Pure.

import type { NewClient } from "../../shared/clients.ts";
import type { Format } from "../command.ts";
import { FIELDS, readClient, unknownField } from "./client-row.ts";
import { type CsvRecord, readCsv } from "./csv.ts";

export interface Row {
  /** In the file, from 1. */
  readonly line: number;
  readonly client: NewClient;
}

export interface Refused {
  readonly line: number;
  readonly why: string;
}

export interface Rows {
  readonly good: Row[];
  readonly refused: Refused[];
}

/** By the name of the file, else by its first character. */
export function formatOf(file: string, text: string): Format {
  if (/\.csv$/i.test(file)) return "csv";
  if (/\.(jsonl|ndjson|json)$/i.test(file)) return "jsonl";
  return /^\uFEFF?\s*[{[]/.test(text) ? "jsonl" : "csv";
}

/** A client that comes twice is refused: which of the two is meant is not for a program to guess. */
export function readRows(text: string, format: Format): Rows {
  const rows: Rows = { good: [], refused: [] };
  const lines = new Map<string, number>();
  const found = format === "csv" ? csvClients(text) : jsonClients(text);
  for (const { line, client } of found) {
    if (typeof client === "string") {
      rows.refused.push({ line, why: client });
      continue;
    }
    const before = lines.get(client.client_id);
    if (before === undefined) {
      lines.set(client.client_id, line);
      rows.good.push({ line, client });
    } else {
      rows.refused.push({ line, why: `${client.client_id} is in line ${before} already` });
    }
  }
  return rows;
}

interface Found {
  readonly line: number;
  /** Or why there is none. */
  readonly client: NewClient | string;
}

function* csvClients(text: string): Generator<Found> {
  const records = readCsv(text);
  const { value: header } = records.next() as { value: CsvRecord | undefined };
  const problem = header && headerProblem(header);
  if (!header || problem) {
    yield { line: header?.line ?? 1, client: problem ?? "the file is empty" };
    return;
  }
  const names = header.fields.map((name) => name.trim().toLowerCase());
  for (const { line, fields, problem } of records) {
    if (problem) yield { line, client: problem };
    else if (fields.length !== names.length) {
      yield { line, client: `has ${fields.length} fields, and the first line ${names.length}` };
    } else {
      const values = Object.fromEntries(names.map((name, at) => [name, fields[at]!.trim()]));
      yield { line, client: readClient(values, true) };
    }
  }
}

function headerProblem({ fields, problem }: CsvRecord): string | null {
  if (problem) return problem;
  const names = fields.map((name) => name.trim().toLowerCase());
  if (!names.includes("client_id")) {
    return `the first line must name the columns: ${FIELDS.slice(0, 3).join(",")} and, if wanted, ${FIELDS[3]}`;
  }
  const unknown = names.find((name) => !(FIELDS as readonly string[]).includes(name));
  if (unknown !== undefined) return unknownField(unknown);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  return twice === undefined ? null : `the column ${twice} comes twice`;
}

function* jsonClients(text: string): Generator<Found> {
  let number = 0;
  for (const line of text.replace(/^\uFEFF/, "").split("\n")) {
    number++;
    if (line.trim() === "") continue;
    yield { line: number, client: jsonClient(line) };
  }
  if (text.trim() === "") yield { line: 1, client: "the file is empty" };
}

function jsonClient(line: string): NewClient | string {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return "is no JSON; each line must be one object";
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return "must be an object, one on each line";
  }
  return readClient(value as Record<string, unknown>, false);
}
