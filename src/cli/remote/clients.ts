// `gateway clients get`, `set`, `delete` and `reset`.

import type { Client } from "../../shared/clients.ts";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Rates, Usage } from "../../shared/usage.ts";
import type { RemoteCommand } from "../command.ts";
import { grouped, shortNumber } from "./columns.ts";
import { Output } from "./output.ts";
import type { RunningGateway } from "./running-gateway.ts";

const CLIENT = { member: "client_id" };

type Named<Name> = Extract<RemoteCommand, { name: Name }>;
type Set = Named<"clients set">;
type Each = Named<"clients delete" | "clients reset">;

export async function changeClients(
  gateway: RunningGateway,
  command: Named<"clients get"> | Set | Each,
): Promise<number> {
  switch (command.name) {
    case "clients get":
      return await get(gateway, command);
    case "clients set":
      return await set(gateway, command);
    default:
      return await each(gateway, command);
  }
}

async function get(
  gateway: RunningGateway,
  { clientId, remote }: Named<"clients get">,
): Promise<number> {
  const { value } = await gateway.ask<Usage>("GET", `${pathOf(clientId)}/usage`, CLIENT);
  const output = Output.stdout();
  await (remote.json ? output.json(value) : output.lines(describe(value)));
  await output.end();
  return EXIT.ok;
}

function describe(usage: Usage): string[] {
  const { current_tokens, capacity, rate_per_sec, full_at, rate_1m, rate_10m } = usage;
  const rows: [string, string][] = [
    ["client_id", usage.client_id],
    ["tokens", `${shortNumber(current_tokens)} of ${capacity}, ${rate_per_sec} back per second`],
    ["full", full_at ?? "now"],
    ["admitted", grouped(usage.admitted)],
    ["rejected", grouped(usage.rejected)],
    ["since", usage.since],
    ["last seen", usage.last_seen ?? "never"],
    ["last minute", ratesText(rate_1m)],
    ["10 minutes", ratesText(rate_10m)],
  ];
  return rows.map(([name, text]) => `${name.padEnd(12)} ${text}`);
}

function ratesText({ admitted_per_sec, rejected_per_sec }: Rates): string {
  const admitted = shortNumber(admitted_per_sec);
  return `${admitted}/s admitted, ${shortNumber(rejected_per_sec)}/s rejected`;
}

/** Changes the client, or creates it when there is none; whoever else is faster, it ends as wanted. */
async function set(gateway: RunningGateway, command: Set): Promise<number> {
  const { clientId, capacity, ratePerSec, currentTokens, remote } = command;
  const limits = {
    ...(capacity !== null && { capacity }),
    ...(ratePerSec !== null && { rate_per_sec: ratePerSec }),
    ...(currentTokens !== null && { current_tokens: currentTokens }),
  };
  const patch = (accept: number[]) =>
    gateway.ask<Client>("PATCH", pathOf(clientId), { ...CLIENT, body: limits, accept });
  let answer = await patch([404]);
  const created = answer.status === 404;
  if (created) {
    if (capacity === null || ratePerSec === null) {
      throw new StartError(
        EXIT.failed,
        `there is no client ${clientId}; a new one needs --capacity and --rate`,
      );
    }
    const body = { client_id: clientId, ...limits };
    answer = await gateway.ask<Client>("POST", "/clients", { ...CLIENT, body, accept: [409] });
    if (answer.status === 409) answer = await patch([]);
  }
  const output = Output.stdout();
  if (remote.json) await output.json(answer.value);
  else await output.lines([`${created ? "created" : "changed"} ${inWords(answer.value)}`]);
  await output.end();
  return EXIT.ok;
}

/** Goes on after a client that does not exist, and says so at the end by its exit code. */
async function each(gateway: RunningGateway, command: Each): Promise<number> {
  const { name, clientIds, remote } = command;
  const output = Output.stdout();
  let code: number = EXIT.ok;
  for (const id of clientIds) {
    const { status, value } =
      name === "clients delete"
        ? await gateway.ask<Client | null>("DELETE", pathOf(id), { accept: [404] })
        : await gateway.ask<Client | null>("POST", `${pathOf(id)}/reset`, {
            ...CLIENT,
            accept: [404],
          });
    const found = status !== 404;
    if (!found) code = EXIT.failed;
    const done = name === "clients delete" ? "deleted" : "reset";
    if (remote.json) await output.json(found ? { [done]: value ?? id } : { not_found: id });
    else if (!found) console.error(`gateway: there is no client ${id}`);
    else await output.lines([`${done} ${value === null ? id : inWords(value)}`]);
  }
  await output.end();
  return code;
}

function inWords({ client_id, capacity, rate_per_sec, current_tokens }: Client): string {
  return `${client_id}: ${shortNumber(current_tokens)} of ${capacity} tokens, ${rate_per_sec} back per second`;
}

function pathOf(clientId: string): string {
  return `/clients/${encodeURIComponent(clientId)}`;
}
