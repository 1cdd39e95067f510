// The ways out. Of a gateway that serves: no new requests, those in flight end, and what the buckets
// hold is written. Of one that does not yet: at once.

import { DRAINING } from "../../shared/process-state.ts";
import { EXIT, type ExitCode } from "../../shared/start-error.ts";
import type { Incumbent } from "../takeover/incumbent.ts";
import type { Parts } from "./parts.ts";

/** How long the last flush may take. */
const LAST_FLUSH_MS = 10_000;

export async function stop(parts: Parts, incumbent: Incumbent): Promise<ExitCode> {
  const { log, metrics, supervisor } = parts;
  const { drainMs } = parts.config.timeouts;
  await incumbent.stop();
  parts.state.enter(DRAINING);
  log.info("draining", { in_flight: metrics.inFlight(), timeout_ms: drainMs });
  const drained = await supervisor.drain(drainMs);
  if (!drained) log.warn("drain timed out", { cut_off: metrics.inFlight() });
  end(parts);
  // What this process knows of the buckets is old once another one decides.
  const saved = incumbent.opened || (await parts.persistence.stop(LAST_FLUSH_MS));
  await parts.clients.stop();
  log.info("stopped");
  return drained && saved ? EXIT.ok : EXIT.failed;
}

/** No worker has listened: nobody is being served, and no bucket has changed. */
export async function giveUp(parts: Parts): Promise<ExitCode> {
  end(parts);
  await parts.clients.stop();
  parts.log.info("stopped");
  return EXIT.ok;
}

function end(parts: Parts): void {
  parts.backendChanges.stop();
  parts.names.stop();
  parts.health.stop();
  parts.sampler.stop();
  parts.meter.stop();
  parts.supervisor.terminate();
}
