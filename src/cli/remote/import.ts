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

/** Of an answer to `PUT /clients`. Lines are those of its body, from 1. */
interface BulkAnswer {
  readonly created: number;
  readonly changed: number;
  readonly unchanged: number;
  readonly refused: number;
  readonly errors: readonly { readonly line: number; readonly message: string }[];
}

interface Totals {
  created: number;
  changed: number;
  unchanged: number;
  readonly refused: Refused[];
}

const BATCH = 5_000;
const BATCH_TIMEOUT_MS = 120_000;
/** Refused rows that are shown to people; programs get all. */
const SHOWN = 20;

export async function importClients(gateway: RunningGateway, command: Import): Promise<number> {
  const { file, keepGoing, dryRun, remote } = command;
  const text = await readText(file);
  const { good, refused } = readRows(text, command.format ?? formatOf(file, text));
  const stopped = refused.length > 0 && !keepGoing;
  const totals: Totals = { created: 0, changed: 0, unchanged: 0, refused };
  if (!stopped && !dryRun) await send(gateway, good, totals);
  const output = Output.stdout();
  if (remote.json) await output.json({ ...totals, good: good.length, sent: !stopped && !dryRun });
  else {
    reportRefused(file, refused);
    if (dryRun) await output.lines([`${counted(good.length, "row")} would be sent`]);
    else if (!stopped) await output.lines([summary(totals)]);
    else {
      const others =
        good.length > 0 ? `; --keep-going sends the other ${counted(good.length, "row")}` : "";
      console.error(`gateway: nothing was changed${others}`);
    }
  }
  await output.end();
  return refused.length > 0 ? EXIT.data : EXIT.ok;
}

async function send(gateway: RunningGateway, rows: readonly Row[], totals: Totals): Promise<void> {
  const progress = new Progress(rows.length, "clients");
  let done = 0;
  try {
    progress.at(0);
    while (done < rows.length) {
      const batch = rows.slice(done, done + BATCH);
      add(totals, batch, await sendBatch(gateway, batch));
      done += batch.length;
      progress.at(done);
    }
  } catch (error) {
    if (!(error instanceof StartError)) throw error;
    throw new StartError(
      error.exitCode,
      `${error.message}\n${grouped(done)} of ${counted(rows.length, "row")} were done before; the same command again does the rest`,
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
  });
  return value;
}

function add(totals: Totals, batch: readonly Row[], answer: BulkAnswer): void {
  totals.created += answer.created;
  totals.changed += answer.changed;
  totals.unchanged += answer.unchanged;
  for (const { line, message } of answer.errors) {
    totals.refused.push({ line: batch[line - 1]!.line, why: message });
  }
}

function reportRefused(file: string, refused: readonly Refused[]): void {
  for (const { line, why } of refused.slice(0, SHOWN)) console.error(`${file}:${line}: ${why}`);
  if (refused.length > SHOWN) console.error(`and ${grouped(refused.length - SHOWN)} more`);
  if (refused.length > 0) console.error(`gateway: ${counted(refused.length, "row")} refused`);
}

function summary({ created, changed, unchanged }: Totals): string {
  return `${grouped(created)} created, ${grouped(changed)} changed, ${grouped(unchanged)} unchanged`;
}
