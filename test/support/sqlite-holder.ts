// A process that opens a SQLite database as the gateway does, stores a client, says so once the
// write is acknowledged, and stays until it is killed. Nothing refers to the store any more by then.

import { openStore } from "../../src/control/db/store.ts";
import { recordingLog } from "./database.ts";

const store = await openStore(
  { kind: "sqlite", path: process.argv[2]! },
  { log: recordingLog().log },
);
await store.clients.insert("survivor", {
  capacity: 7,
  ratePerSec: 1,
  tokens: 7,
  tokensSet: true,
  at: Date.now(),
});
Bun.gc(true);
process.stdout.write("stored client survivor\n");
setInterval(() => undefined, 60_000);
