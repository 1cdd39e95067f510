// Bun's fetch queues beyond 256 requests in flight unless the environment says otherwise before the
// process starts. The gateway sets that for itself; here it is shown that the path adds no queue of
// its own, in a process that was started as the gateway starts itself.

import { expect, test } from "bun:test";
import { join } from "node:path";

test("600 requests are at the backend together", async () => {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "../../support/parallel.ts")], {
    env: { ...process.env, BUN_CONFIG_MAX_HTTP_REQUESTS: "65535" },
    stdout: "pipe",
    stderr: "inherit",
    timeout: 25_000,
  });
  expect((await new Response(child.stdout).text()).trim()).toBe("600");
  expect(await child.exited).toBe(0);
}, 30_000);
