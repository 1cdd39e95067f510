// Random and mutated requests against the running gateway, with a backend behind it that keeps every
// byte. What reaches the backend is what the reference parser sees in the client's bytes, and nothing
// else; the gateway neither crashes nor hangs nor leaks. FUZZ_INPUTS raises the number of inputs,
// FUZZ_SEED chooses others.

import { describe, expect, test } from "bun:test";
import { readdirSync, readFileSync } from "node:fs";
import { connect } from "node:net";
import { Gateway } from "../support/gateway.ts";
import { mutant, randomFrom } from "../support/mutations.ts";
import { firstRequest, type Received, recordingBackend } from "../support/recording-backend.ts";

const INPUTS = Number(process.env["FUZZ_INPUTS"] ?? 4_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? 1);
/** A heap takes some ten thousand requests to come to the size it then keeps. */
const WARM_UP = Math.max(1_000, Math.min(20_000, INPUTS / 5));
const LANES = 8;
/** The client has ended its direction, so every input has an end. */
const HANG_MS = 8_000;
const CAPACITY = 1e9;
const MOST_GROWTH = 64 * 1024 * 1024;

interface Outcome {
  readonly input: string;
  readonly answer: string;
  readonly hung: boolean;
}

/** Sends the bytes in random pieces, ends, and reads to the end. */
function send(port: number, localAddress: string, input: string, random: () => number) {
  return new Promise<Outcome>((resolve) => {
    const socket = connect({ port, host: "127.0.0.1", localAddress, allowHalfOpen: true });
    let answer = "";
    let closed = false;
    const timer = setTimeout(() => over(true), HANG_MS);
    const over = (hung: boolean): void => {
      if (closed) return;
      closed = true;
      clearTimeout(timer);
      socket.destroy();
      resolve({ input, answer, hung });
    };
    socket.on("data", (bytes: Buffer) => (answer += bytes.toString("latin1")));
    socket.on("end", () => over(false));
    socket.on("close", () => over(false));
    socket.on("error", () => over(false));
    socket.on("connect", () => void write());
    const write = async (): Promise<void> => {
      let from = 0;
      const inPieces = random() < 0.3;
      while (from < input.length) {
        if (closed) return;
        const to = inPieces ? from + 1 + Math.floor(random() * 40) : input.length;
        socket.write(input.slice(from, to), "latin1");
        from = to;
        if (inPieces) await new Promise((next) => setImmediate(next));
      }
      socket.end();
    };
  });
}

/** The requests that are complete in the client's bytes, up to the first that is none. */
function requestsIn(input: string): Received[] {
  const requests: Received[] = [];
  for (let text = input; ;) {
    const first = firstRequest(text);
    if (first === null || "refused" in first) return requests;
    requests.push(first.request);
    text = first.rest;
  }
}

/** Fields that this hop makes or may drop; every other one must be the client's, as it was. */
const OWN =
  /^(host|via|connection|content-length|transfer-encoding|x-request-id|traceparent|tracestate|x-forwarded-.*|user-agent|accept|accept-encoding|trailer)$/i;

/** Each as a line of its own, and those of one name as one line, which means the same. */
function valuesOf(request: Received): Set<string> {
  const byName = new Map<string, string[]>();
  for (const [name, value] of request.fields) {
    const key = name.toLowerCase();
    byName.set(key, [...(byName.get(key) ?? []), value]);
  }
  const lines = [...byName].flatMap(([name, values]) =>
    [...values, values.join(", ")].map((value) => `${name}: ${value}`),
  );
  return new Set(lines);
}

/** Why a request that came is none of those that were sent; null when it is. Removes it. */
function unexplained(came: Received, sent: Received[]): string | null {
  const at = sent.findIndex(
    ({ method, target, body }) =>
      method === came.method && target === came.target && body === came.body,
  );
  if (at < 0) return "the client sent no such request";
  const [original] = sent.splice(0, at + 1).slice(-1);
  const given = valuesOf(original!);
  const invented = came.fields.filter(
    ([name, value]) => !OWN.test(name) && !given.has(`${name.toLowerCase()}: ${value}`),
  );
  return invented.length > 0 ? `it has fields of its own: ${invented.join(" | ")}` : null;
}

const idsOf = (target: string): string[] =>
  new URLSearchParams(target.split("?", 2)[1] ?? "").getAll("client_id");

function resources(pid: number): { descriptors: number; memory: number } {
  const status = readFileSync(`/proc/${pid}/status`, "utf8");
  return {
    descriptors: readdirSync(`/proc/${pid}/fd`).length,
    memory: Number(/^VmRSS:\s+(\d+)/m.exec(status)![1]) * 1024,
  };
}

describe.skipIf(process.platform !== "linux").each(["fetch", "pooled"])("transport %s", (name) => {
  test(
    `${INPUTS} inputs: what the backend parsed is what the client sent, nothing crashes, hangs or leaks`,
    async () => {
      using backend = recordingBackend("/health");
      await using gateway = await Gateway.start({
        backends: [backend.url],
        env: {
          TRANSPORT: name,
          HEALTH_PATH: "/health",
          EJECT_AFTER: "0",
          ACCESS_LOG: "off",
          ANONYMOUS_CAPACITY: `${CAPACITY}`,
          ANONYMOUS_RATE_PER_SEC: `${CAPACITY}`,
        },
      });
      await gateway.createClient({ client_id: "known", capacity: CAPACITY, rate_per_sec: 1e-9 });
      const { pid } = gateway.process;
      const problems: string[] = [];
      let known = 0;
      let next = 0;
      let answered = 0;

      const lane = async (number: number, until: number): Promise<void> => {
        const address = `127.0.1.${number + 1}`;
        while (next < until && problems.length < 5) {
          const index = next++;
          const random = randomFrom(SEED * 1_000_003 + index);
          const outcome = await send(gateway.port, address, mutant(random), random);
          const shown = `input ${index} ${JSON.stringify(outcome.input)}`;
          if (outcome.hung) problems.push(`hung: ${shown}, got ${JSON.stringify(outcome.answer)}`);
          if (outcome.answer !== "" && !/^HTTP\/1\.1 \d{3} /.test(outcome.answer)) {
            problems.push(`no HTTP: ${shown}, got ${JSON.stringify(outcome.answer)}`);
          }
          if (outcome.answer !== "") answered++;
          if (/^HTTP\/1\.1 500 /m.test(outcome.answer)) problems.push(`500: ${shown}`);
          const came = backend.byClient.get(address) ?? [];
          backend.byClient.delete(address);
          const sent = requestsIn(outcome.input);
          for (const request of came) {
            const why = unexplained(request, sent);
            if (why !== null) problems.push(`${why}: ${JSON.stringify(request)} of ${shown}`);
            const ids = idsOf(request.target);
            if (ids.length > 1) problems.push(`two client ids: ${shown}`);
            if (ids[0] === "known") known++;
          }
        }
      };
      const run = async (until: number): Promise<void> => {
        await Promise.all(Array.from({ length: LANES }, (_, number) => lane(number, until)));
      };

      await run(Math.min(WARM_UP, INPUTS));
      const before = resources(pid);
      await run(INPUTS);
      expect(problems).toEqual([]);
      expect(backend.nonsense).toEqual([]);
      // Addresses that the backend was told are the clients': none was believed or lost.
      expect([...backend.byClient.keys()]).toEqual([]);
      expect(backend.total).toBeGreaterThan(INPUTS / 20);
      expect(answered).toBeGreaterThan(INPUTS / 2);

      // Whoever reached the backend as a client was billed as that client.
      const answer = await gateway.api("GET", "/clients/known");
      const { current_tokens } = (await answer.json()) as { current_tokens: number };
      expect(CAPACITY - current_tokens).toBeGreaterThanOrEqual(known);
      expect(known).toBeGreaterThan(0);

      const metrics = await (await gateway.api("GET", "/-/metrics")).text();
      expect(metrics).toMatch(/^gateway_worker_restarts_total 0$/m);
      const bad = gateway.lines.filter((line) => ["error", "fatal"].includes(line.level));
      expect(bad).toEqual([]);
      expect(gateway.rawLines).toEqual([]);
      const deadline = performance.now() + 15_000;
      while (resources(pid).descriptors > before.descriptors + 2 * LANES) {
        if (performance.now() > deadline) break;
        await Bun.sleep(50);
      }
      const after = resources(pid);
      expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 2 * LANES);
      expect(after.memory - before.memory).toBeLessThan(MOST_GROWTH);
      console.error(
        `${name}: ${backend.total} reached the backend, RSS ${before.memory >> 20} to ${after.memory >> 20} MB, descriptors ${before.descriptors} to ${after.descriptors}`,
      );
      expect(await gateway.stop()).toBe(0);
    },
    60_000 + INPUTS * 20,
  );
});
