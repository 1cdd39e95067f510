// `gateway clients list`: a table for people, one JSON document for programs; both as they arrive.

import type { Client } from "../../shared/clients.ts";
import { EXIT } from "../../shared/start-error.ts";
import type { RemoteCommand } from "../command.ts";
import { clientPages } from "./client-pages.ts";
import { type Column, columnWidths, line, shortNumber } from "./columns.ts";
import { Output } from "./output.ts";
import type { RunningGateway } from "./running-gateway.ts";

type List = Extract<RemoteCommand, { name: "clients list" }>;

const COLUMNS: readonly Column[] = [
  { title: "client_id" },
  { title: "capacity", right: true },
  { title: "rate_per_sec", right: true },
  { title: "current_tokens", right: true },
];

export async function listClients(gateway: RunningGateway, command: List): Promise<number> {
  const { after, limit, remote } = command;
  const pages = clientPages(gateway, { after, limit: limit ?? Infinity });
  const output = Output.stdout();
  await (remote.json ? asJson(pages, output) : asTable(pages, output));
  await output.end();
  return EXIT.ok;
}

async function asTable(pages: AsyncIterable<readonly Client[]>, output: Output): Promise<void> {
  let widths: number[] | null = null;
  for await (const page of pages) {
    const rows = page.map((client) => [
      client.client_id,
      String(client.capacity),
      String(client.rate_per_sec),
      shortNumber(client.current_tokens),
    ]);
    const titles = COLUMNS.map(({ title }) => title);
    const first = widths === null;
    // The first page decides how wide the columns are: later ones must not have to be waited for.
    widths ??= columnWidths(COLUMNS, rows);
    const settled = widths;
    const shown = first ? [titles, ...rows] : rows;
    await output.lines(shown.map((cells) => line(COLUMNS, settled, cells)));
  }
}

async function asJson(pages: AsyncIterable<readonly Client[]>, output: Output): Promise<void> {
  let between = '{"clients":[';
  for await (const page of pages) {
    for (const client of page) {
      await output.write(`${between}\n${JSON.stringify(client)}`);
      between = ",";
    }
  }
  await output.write(`${between === "," ? "" : between}]}\n`);
}
