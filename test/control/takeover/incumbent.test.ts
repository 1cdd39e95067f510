// The gateway that runs, asked over its socket as the next process does it; what it asks of its own
// parts is played. With both processes: test/e2e/takeover.test.ts.

import { afterAll, expect, test } from "bun:test";
import { once } from "node:events";
import { connect } from "node:net";
import { join } from "node:path";
import { Channel } from "../../../src/control/takeover/channel.ts";
import { Incumbent, type IncumbentOptions } from "../../../src/control/takeover/incumbent.ts";
import { recordingLog, removeTemporaryFolders, temporaryFolder } from "../../support/database.ts";

afterAll(removeTemporaryFolders);

test("a stop while it is freezing ends that: two processes would decide", async () => {
  const saving = Promise.withResolvers<void>();
  const saved = Promise.withResolvers<boolean>();
  const path = join(temporaryFolder(), "takeover");
  const incumbent = new Incumbent({
    place: () => path,
    supervisor: { hold: async () => undefined, release: () => undefined },
    desk: { close: async () => undefined, open: () => undefined },
    persistence: {
      start: () => undefined,
      stop: () => {
        saving.resolve();
        return saved.promise;
      },
    },
    store: { lock: () => undefined, unlock: () => undefined },
    anonymous: () => "buckets",
    log: recordingLog().log,
  } as unknown as IncumbentOptions);
  incumbent.start();
  const socket = connect(path);
  await once(socket, "connect");
  const channel = new Channel(socket, {});
  const frozen = channel.ask("freeze", null, 5000).catch((error: Error) => error.message);
  await saving.promise;
  // What follows has the workers decide about what they hold, and end.
  await incumbent.stop();
  saved.resolve(true);
  expect(await frozen).toBe("the gateway stops");
  socket.destroy();
});
