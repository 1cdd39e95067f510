// For tests of what servers do with bytes that they have and say nothing of: whatever clients sent or
// closed before a round trip has come to the servers of this thread by its end.

import { DeadlineWheel } from "../../../src/data/http1/deadlines.ts";
import { listenHttp } from "../../../src/data/http1/server.ts";
import type { Adoption } from "../../../src/data/sockets/adoption.ts";
import { RawClient } from "./raw-client.ts";

/** `adoption`: that of the server in question, so that its events come by the same loop. */
export async function roundTrip(adoption?: Adoption): Promise<void> {
  const server = listenHttp({
    hostname: "127.0.0.1",
    port: 0,
    deadlines: new DeadlineWheel(0),
    handler(exchange) {
      exchange.begin(200, "OK");
      exchange.send(4, Buffer.from("back"), 0, 4, true);
    },
    adoption,
  });
  const raw = await RawClient.open(server.port);
  await raw.send("GET / HTTP/1.1\r\nHost: h\r\n\r\n").contains("back");
  raw.close();
  server.stop();
}
