// The ways into service: alone, with what the database holds; or in the place of a gateway that runs.
// Either way no worker listens before the tables hold what is stored.

import { importBuckets } from "../../shared/anonymous-transfer.ts";
import { mainClock } from "../../shared/clock.ts";
import type { Address } from "../listener.ts";
import type { Successor } from "../takeover/successor.ts";
import type { Parts } from "./parts.ts";

/** A slow backend may hold up the first look at all of them; the listener waits no longer for it. */
const LISTEN_AFTER_MS = 250;

/** How many there are. */
export interface Counts {
  readonly backends: number;
  readonly clients: number;
}

/** Resolves when every worker listens. Rejects with `StartError`. */
export async function startAlone(parts: Parts, { host, port }: Address): Promise<Counts> {
  const backends = await parts.backendChanges.start();
  const clients = await parts.clients.start();
  await Promise.race([parts.health.firstRound(), Bun.sleep(LISTEN_AFTER_MS)]);
  await parts.supervisor.listen({ host, port });
  return { backends, clients };
}

/** Everything that takes time comes before the freeze: from there to the opening requests wait. */
export async function takeOver(parts: Parts, successor: Successor): Promise<Counts> {
  const { backendChanges, desk, supervisor } = parts;
  const { host, port, listeners } = successor.presence;
  await backendChanges.start();
  await Promise.all([supervisor.loaded(), parts.health.firstRound()]);
  const { anonymous } = await successor.freeze();
  const frozenAt = performance.now();
  parts.store.lock();
  // Once more: they may have been changed until now.
  const backends = await backendChanges.start();
  const clients = await parts.clients.start();
  const passedMs = performance.now() - frozenAt;
  importBuckets(parts.tables.anonymous, anonymous, mainClock()(), passedMs);
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
