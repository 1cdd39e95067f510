// Load on one address: as fast as it can be answered (wrk), or at a fixed rate (`paced.ts`).

import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Case, targetOf } from "./cases.ts";
import { LOAD_CORE, pinned } from "./process.ts";

export interface Load {
  readonly requests: number;
  readonly seconds: number;
  readonly bytes: number;
  /** Latency, ms. */
  readonly p50: number;
  readonly p99: number;
  /** Answers of 400 and above. */
  readonly refused: number;
  /** Requests without an answer. */
  readonly broken: number;
}

/** Runs one case for about `seconds`. `rate`: requests a second; null is as many as possible. */
export async function load(
  test: Case,
  origin: string,
  seconds: number,
  rate: number | null,
  folder: string,
): Promise<Load> {
  const command =
    rate === null
      ? wrk(test, origin, seconds, folder)
      : [
          process.execPath,
          join(import.meta.dir, "paced.ts"),
          origin,
          String(test.connections),
          String(rate),
          String(seconds),
        ];
  const child = Bun.spawn(pinned(LOAD_CORE, command), {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  const [text, errors] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  const last = text.trimEnd().split("\n").at(-1) ?? "";
  if ((await child.exited) !== 0 || !last.startsWith("{"))
    throw new Error(`load failed: ${text}${errors}`);
  return JSON.parse(last) as Load;
}

function wrk(test: Case, origin: string, seconds: number, folder: string): string[] {
  mkdirSync(folder, { recursive: true });
  const script = join(folder, `${test.name}.lua`);
  writeFileSync(script, luaOf(test, new URL(origin).host));
  return [
    "wrk",
    "-t1",
    `-c${test.connections}`,
    `-d${seconds}s`,
    "--timeout",
    "10s",
    "--script",
    script,
    origin,
  ];
}

function luaOf(test: Case, host: string): string {
  const method = test.post === undefined ? "GET" : "POST";
  const length = test.post === undefined ? "" : `Content-Length: ${test.post}\\r\\n`;
  return `
local n, count = 1, ${test.clients}
local head = "${method} ${targetOf(test)}"
local tail = " HTTP/1.1\\r\\nHost: ${host}\\r\\n${length}\\r\\n" .. string.rep("x", ${test.post ?? 0})

-- A fixed sequence that visits the clients in no order the processor's cache could follow.
request = function()
  n = (n * 16807) % 2147483647
  return head .. (n % count) .. tail
end

done = function(summary, latency)
  local e = summary.errors
  local line = '{"requests":%d,"seconds":%f,"bytes":%d,"p50":%f,"p99":%f,"refused":%d,"broken":%d}'
  print(string.format(line, summary.requests, summary.duration / 1e6, summary.bytes,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, e.status,
    e.connect + e.read + e.write + e.timeout))
end
`;
}
