// The ways into service: alone, with what the database holds; or in the place of a gateway that runs.
// Either way no worker listens before the tables hold what is stored.

import { importBuckets } from "../../shared/anonymous-transfer.ts";
import { mainClock } from "../../shared/clock.ts";
import { READY } from "../../shared/process-state.ts";
import type { HealthLoop } from "../health/loop.ts";
import type { Address } from "../listener.ts";
import type { Shutdown } from "../shutdown.ts";
import type { Successor } from "../takeover/successor.ts";
import type { Parts } from "./parts.ts";

/** A slow backend may hold up the first look at all of them; once one is healthy, nobody waits longer. */
const LISTEN_AFTER_MS = 250;
/** Nor when none is: the control routes are wanted then too. */
const LISTEN_ANYWAY_MS = 5_000;

/** How many there are. */
export interface Counts {
  readonly backends: number;
  readonly clients: number;
}

/**
 * Resolves when every worker listens; with null when a stop is asked for before, and then none does.
 * Rejects with `StartError`.
 */
export async function startAlone(
  parts: Parts,
  { host, port }: Address,
  shutdown: Shutdown,
): Promise<Counts | null> {
  const backends = await parts.backendChanges.start();
  const clients = await parts.clients.start();
  await Promise.race([known(parts.health), shutdown.requested]);
  if (shutdown.asked) return null;
  await parts.supervisor.listen({ host, port });
  // Whether a backend is open is asked apart: one that never answers its check holds up nobody.
  parts.state.enter(READY);
  return { backends, clients };
}

/** Who connects as soon as that is possible is not told that no backend is healthy before it is known. */
async function known(health: HealthLoop): Promise<void> {
  const round = health.firstRound();
  await Promise.race([round, Bun.sleep(LISTEN_AFTER_MS)]);
  const late = Promise.withResolvers<void>();
  const timer = setTimeout(late.resolve, LISTEN_ANYWAY_MS - LISTEN_AFTER_MS);
  await Promise.race([round, health.firstHealthy(), late.promise]);
  clearTimeout(timer);
}

/**
 * Everything that takes time comes before the freeze: from there to the opening requests wait. Null
 * when a stop is asked for before: the gateway that runs goes on. Rejects with `StartError`.
 */
export async function takeOver(
  parts: Parts,
  successor: Successor,
  shutdown: Shutdown,
): Promise<Counts | null> {
  const { backendChanges, desk, supervisor } = parts;
  const { host, port, listeners } = successor.presence;
  await backendChanges.start();
  const prepared = Promise.all([supervisor.loaded(), parts.health.firstRound()]);
  await Promise.race([prepared, shutdown.requested]);
  if (shutdown.asked) return null;
  const { anonymous } = await successor.freeze();
  const frozenAt = performance.now();
  parts.store.lock();
  // Once more: they may have been changed until now.
  const backends = await backendChanges.start();
  // With very many clients this takes long enough for either side to end meanwhile.
  const restored = parts.clients.start();
  await Promise.race([restored, shutdown.requested, successor.lost()]);
  if (shutdown.asked) return null;
  const clients = await restored;
  const passedMs = performance.now() - frozenAt;
  importBuckets(parts.tables.anonymous, anonymous, mainClock()(), passedMs);
  // Who asks from here on had a gateway that was ready, and the backends have been looked at.
  parts.state.enter(READY);
  const handoverSecret = Buffer.from(crypto.getRandomValues(new Uint8Array(32))).toString("hex");
  await supervisor.listen({ host, port, listeners, handoverSecret });
  successor.onControl = async (call) => {
    const reply = await desk.answer({ ...call, type: "control-call", call: 0 });
    if (reply.type !== "control-reply") throw new Error("no reply");
    return reply.result;
  };
  await successor.open({ ports: supervisor.handoverPorts, secret: handoverSecret });
  void successor.settle(supervisor.listeners);
  return { backends, clients };
}
