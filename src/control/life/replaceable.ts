// Lets the next process find this one and take its place.

import pkg from "../../../package.json" with { type: "json" };
import { exportBuckets, seedOf } from "../../shared/anonymous-transfer.ts";
import { mainClock } from "../../shared/clock.ts";
import type { Address } from "../listener.ts";
import { configuredAddress, databaseName } from "../takeover/identity.ts";
import type { Incumbent } from "../takeover/incumbent.ts";
import { meetingPlace } from "../takeover/meeting-place.ts";
import { PROTOCOL } from "../takeover/protocol.ts";
import type { Parts } from "./parts.ts";

/**
 * From when this resolves the gateway can be found. Whoever wants to replace it waits until it is
 * `alone` on the port: with the sockets of three processes there, connections cannot be steered.
 */
export async function makeReplaceable(
  parts: Parts,
  { host, port }: Address,
  alone: Promise<void> | undefined,
): Promise<Incumbent> {
  const { config, desk, log, persistence, store, supervisor, tables } = parts;
  const { database } = config;
  // Of the file that is open here: by the time somebody asks, another one may have its path, or none.
  const opened = databaseName(database);
  // `node:net`, which it needs, takes 8 ms to load: not before the first request can be served.
  const { Incumbent } = await import("../takeover/incumbent.ts");
  const incumbent = new Incumbent({
    place: () => meetingPlace({ database, host: config.host, port }),
    present: async () => {
      await alone;
      return {
        protocol: PROTOCOL,
        version: pkg.version,
        pid: process.pid,
        configured: configuredAddress(config),
        host,
        port,
        listeners: supervisor.listeners,
        database: opened,
        seed: seedOf(tables.anonymous),
      };
    },
    supervisor,
    desk,
    persistence,
    store,
    anonymous: () => exportBuckets(tables.anonymous, mainClock()()),
    log,
  });
  incumbent.start();
  return incumbent;
}
