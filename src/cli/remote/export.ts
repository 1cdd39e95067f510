// `gateway clients export`: every client as CSV or JSON lines, in the form that `import` reads.

import { rename, rm } from "node:fs/promises";
import type { Client } from "../../shared/clients.ts";
import { EXIT } from "../../shared/start-error.ts";
import type { Format, RemoteCommand } from "../command.ts";
import { clientPages } from "./client-pages.ts";
import { FIELDS } from "./client-row.ts";
import { counted } from "./columns.ts";
import { csvLine } from "./csv.ts";
import { cannotWrite, Output } from "./output.ts";
import { Progress } from "./progress.ts";
import type { RunningGateway } from "./running-gateway.ts";

type Export = Extract<RemoteCommand, { name: "clients export" }>;

export async function exportClients(gateway: RunningGateway, command: Export): Promise<number> {
  const { file, withoutTokens } = command;
  const format = command.format ?? (/\.csv$/i.test(file ?? "") ? "csv" : "jsonl");
  if (file === null || file === "-") {
    await write(gateway, Output.stdout(), format, withoutTokens);
    return EXIT.ok;
  }
  // Under another name until it is whole: an export that fails destroys no earlier one.
  const part = `${file}.part`;
  try {
    const count = await write(gateway, Output.file(part, file), format, withoutTokens);
    await rename(part, file).catch((error: unknown) => {
      throw cannotWrite(file, error as NodeJS.ErrnoException);
    });
    console.error(`${counted(count, "client")} written to ${file}`);
    return EXIT.ok;
  } finally {
    // Where none could be created, none can be removed; the first error is the one to tell.
    await rm(part, { force: true }).catch(() => undefined);
  }
}

async function write(
  gateway: RunningGateway,
  output: Output,
  format: Format,
  withoutTokens: boolean,
): Promise<number> {
  const fields = withoutTokens ? FIELDS.slice(0, 3) : FIELDS;
  const valuesOf = (client: Client) => fields.map((name) => client[name]);
  const textOf = (client: Client) =>
    format === "csv" ? csvLine(valuesOf(client)) : JSON.stringify(client, [...fields]);
  const progress = new Progress(0, "clients");
  let count = 0;
  try {
    if (format === "csv") await output.lines([csvLine(fields)]);
    for await (const page of clientPages(gateway)) {
      await output.lines(page.map(textOf));
      count += page.length;
      // On a terminal the rows themselves show the progress.
      if (!process.stdout.isTTY) progress.at(count);
    }
    await output.end();
  } finally {
    progress.end();
  }
  return count;
}
