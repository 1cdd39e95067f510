// `bun run bench:memory [clients] [bodies] [requests]`: what the gateway holds in memory, as the system
// counts it (RSS, MB of 10^6 bytes): a million clients beyond the empty gateway, a body of 1 GB either
// way with a slow reader, and 2 million requests, or as many as REQUESTS says. EXECUTABLE measures
// another build; TRANSPORT and other settings of the gateway are passed on.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chosen, countOf } from "./arguments.ts";
import { CASES } from "./cases.ts";
import { gateways } from "./gateway.ts";
import { load } from "./load.ts";
import type { Running } from "./candidate.ts";
import { residentMb } from "./process.ts";

const GIGABYTE = 1e9;
const PIECE = new Uint8Array(1 << 20);
const MANY_REQUESTS = countOf("REQUESTS", process.env["REQUESTS"], 2e6);
const cases = { clients: clientsCase, bodies: bodiesCase, requests: requestsCase };
const only = chosen(Bun.argv.slice(2), Object.keys(cases));

const folder = mkdtempSync(join(tmpdir(), "gateway-memory-"));
const settings = ["EXECUTABLE", "TRANSPORT", "FLUSH_INTERVAL"]
  .filter((name) => process.env[name] !== undefined)
  .map((name) => `${name}=${process.env[name]}`);
const [gateway] = gateways(`gateway: MAX_BODY=0 ${settings.join(" ")}`);

const backend = Bun.serve({
  hostname: "127.0.0.1",
  port: 0,
  idleTimeout: 0,
  maxRequestBodySize: Number.MAX_SAFE_INTEGER,
  async fetch(request) {
    if (request.method === "POST") {
      let read = 0;
      for await (const piece of request.body!) {
        read += piece.length;
        if (paused(read, piece.length)) await Bun.sleep(100);
      }
      return new Response(String(read));
    }
    if (!request.url.includes("/gigabyte")) return new Response("x".repeat(100));
    return new Response(gigabyte(), { headers: { "content-type": "application/octet-stream" } });
  },
});

/** A slow reader: it rests 50 times on the way. */
function paused(read: number, last: number): boolean {
  return Math.floor((read * 50) / GIGABYTE) !== Math.floor(((read - last) * 50) / GIGABYTE);
}

function gigabyte(): ReadableStream<Uint8Array> {
  let left = GIGABYTE;
  return new ReadableStream({
    pull(controller) {
      const size = Math.min(left, PIECE.length);
      controller.enqueue(PIECE.subarray(0, size));
      left -= size;
      if (left === 0) controller.close();
    },
  });
}

async function started(clients: number): Promise<Running> {
  return await gateway!.start({
    backends: [`http://127.0.0.1:${backend.port}`],
    clients,
    folder: mkdtempSync(join(folder, `${clients}-`)),
  });
}

function report(name: string, megabytes: number): void {
  console.log(`${name.padEnd(52)} ${megabytes.toFixed(0).padStart(6)} MB`);
}

async function clientsCase(): Promise<void> {
  const sizes: number[] = [];
  for (const clients of [10, 1e6]) {
    const running = await started(clients);
    // What the start needed for a while may be given back.
    await Bun.sleep(3_000);
    sizes.push(residentMb(running.pid));
    report(`${clients} clients, just started`, sizes.at(-1)!);
    await running.end();
  }
  report("10^6 clients beyond the empty gateway", sizes[1]! - sizes[0]!);
}

/** The most that RSS grew while `work` ran. */
async function growth(running: Running, work: () => Promise<unknown>): Promise<number> {
  const before = residentMb(running.pid);
  let most = before;
  const timer = setInterval(() => (most = Math.max(most, residentMb(running.pid))), 50);
  await work();
  clearInterval(timer);
  return most - before;
}

async function bodiesCase(): Promise<void> {
  const running = await started(10);
  const test = CASES.find(({ name }) => name === "64k")!;
  // A gateway that has worked before: what grows then is held for the body.
  await load({ ...test, path: "/" }, running.admitting, 3, null, folder);
  const url = `${running.admitting}/gigabyte?client_id=client-1`;
  const down = await growth(running, async () => {
    let read = 0;
    for await (const piece of (await fetch(url)).body!) {
      read += piece.length;
      if (paused(read, piece.length)) await Bun.sleep(100);
    }
    if (read !== GIGABYTE) throw new Error(`read ${read}`);
  });
  report("1 GB down to a slow reader, growth", down);
  const up = await growth(running, async () => {
    const answer = await fetch(url, { method: "POST", body: gigabyte() });
    if ((await answer.text()) !== String(GIGABYTE)) throw new Error(`upload: ${answer.status}`);
  });
  report("1 GB up to a slow backend, growth", up);
  await running.end();
}

async function requestsCase(): Promise<void> {
  const running = await started(10);
  const test = CASES.find(({ name }) => name === "get")!;
  let requests = 0;
  const step = MANY_REQUESTS / 10;
  for (let next = step; requests < MANY_REQUESTS;) {
    requests += (await load(test, running.admitting, 5, null, folder)).requests;
    if (requests < next) continue;
    next += step;
    report(`after ${(requests / 1e6).toFixed(1)} million requests`, residentMb(running.pid));
  }
  await running.end();
}

try {
  for (const [name, run] of Object.entries(cases)) {
    if (only.includes(name)) await run();
  }
} finally {
  await backend.stop(true);
  rmSync(folder, { recursive: true, force: true });
}
