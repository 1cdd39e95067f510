// `gateway clients import`: the rows of a file become clients. Every row is checked first; then they
// go in batches, each stored and in force before the next is sent. What an interruption leaves
// undone, running it again does.

import { EXIT, StartError } from "../../shared/start-error.ts";
import type { RemoteCommand } from "../command.ts";
import { formatOf, readRows, type Refused, type Row } from "./client-rows.ts";
import { counted, grouped } from "./columns.ts";
import { readText } from "./input.ts";
import { Output } from "./output.ts";
import { Progress } from "./progress.ts";
import type { RunningGateway } from "./running-gateway.ts";

type Import = Extract<RemoteCommand, { name: "clients import" }>;

/** What `PUT /clients` says it did. */
interface BulkReport {
  /** Lines of the body that were dealt with. */
  readonly lines: number;
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: number;
  /** The first refusals only. `line`: of the body, from 1. */
  readonly errors: readonly { readonly line: number; readonly detail: string }[];
}

/** Of a 503 in the middle of a body, too: what was done until then. */
type BulkAnswer = BulkReport | { readonly detail: string; readonly report?: BulkReport };

interface Totals {
  created: number;
  changed: number;
  unchanged: number;
  /** All of them; the gateway may not have said of each why. */
  refused: number;
  readonly reasons: Refused[];
}

const BATCH = 5_000;
const BATCH_TIMEOUT_MS = 120_000;
/** Refused rows that are shown to people; programs get all. */
const SHOWN = 20;

export async function importClients(gateway: RunningGateway, command: Import): Promise<number> {
  const { file, keepGoing, dryRun, remote } = command;
  const text = await readText(file);
  const { good, refused: reasons } = readRows(text, command.format ?? formatOf(file, text));
  const stopped = reasons.length > 0 && !keepGoing;
  const refused = reasons.length;
  const totals: Totals = { created: 0, changed: 0, unchanged: 0, refused, reasons };
  if (!stopped && !dryRun) await send(gateway, good, totals);
  const output = Output.stdout();
  if (remote.json) await output.json({ ...totals, good: good.length, sent: !stopped && !dryRun });
  else {
    reportRefused(file, totals);
    if (dryRun) await output.lines([`${counted(good.length, "row")} would be sent`]);
    else if (!stopped) await output.lines([summary(totals)]);
    else {
      const others =
        good.length > 0 ? `; --keep-going would send the other ${counted(good.length, "row")}` : "";
      console.error(`gateway: nothing was changed${others}`);
    }
  }
  await output.end();
  return totals.refused > 0 ? EXIT.data : EXIT.ok;
}

async function send(gateway: RunningGateway, rows: readonly Row[], totals: Totals): Promise<void> {
  const progress = new Progress(rows.length, "clients");
  let done = 0;
  try {
    progress.at(0);
    while (done < rows.length) {
      const batch = rows.slice(done, done + BATCH);
      const answer = await sendBatch(gateway, batch);
      const report = "lines" in answer ? answer : answer.report;
      if (report) add(totals, batch, report);
      done += report?.lines ?? 0;
      if (!("lines" in answer)) throw new StartError(EXIT.unavailable, answer.detail);
      progress.at(done);
    }
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    const reached = `${grouped(done)} of ${counted(rows.length, "row")} were done before`;
    throw new StartError(
      error.exitCode,
      `${error.message}\n${reached}; the same command again does the rest`,
    );
  } finally {
    progress.end();
  }
}

async function sendBatch(gateway: RunningGateway, batch: readonly Row[]): Promise<BulkAnswer> {
  const content = batch.map(({ client }) => `${JSON.stringify(client)}\n`).join("");
  const { value } = await gateway.ask<BulkAnswer>("PUT", "/clients", {
    text: { type: "application/x-ndjson", content },
    timeoutMs: BATCH_TIMEOUT_MS,
    member: "lines",
    accept: [503],
  });
  return value;
}

function add(totals: Totals, batch: readonly Row[], report: BulkReport): void {
  totals.created += report.created;
  totals.changed += report.changed;
  totals.unchanged += report.unchanged;
  totals.refused += report.refused;
  for (const { line, detail } of report.errors) {
    totals.reasons.push({ line: batch[line - 1]!.line, why: detail });
  }
}

function reportRefused(file: string, { refused, reasons }: Totals): void {
  const name = file === "-" ? "stdin" : file;
  for (const { line, why } of reasons.slice(0, SHOWN)) console.error(`${name}:${line}: ${why}`);
  const hidden = refused - Math.min(reasons.length, SHOWN);
  if (hidden > 0) console.error(`and ${grouped(hidden)} more`);
  if (refused > 0) console.error(`gateway: ${counted(refused, "row")} refused`);
}

function summary({ created, changed, unchanged }: Totals): string {
  return `${grouped(created)} created, ${grouped(changed)} changed, ${grouped(unchanged)} unchanged`;
}
