// Connections of a backend whose name has moved are left behind.

import { expect, test } from "bun:test";
import { OK, rawBackend } from "../../support/backend.ts";
import { startProxy } from "../../support/proxy.ts";

test("after a renewal new requests use new connections", async () => {
  using backend = rawBackend((_, connection) => connection.write(OK));
  await using proxy = startProxy({ backends: [backend.url] });
  for (let i = 0; i < 5; i++) expect((await fetch(proxy.url)).status).toBe(200);
  expect(backend.accepted).toBe(1);
  proxy.backends.renewConnections(0);
  for (let i = 0; i < 5; i++) expect((await fetch(proxy.url)).status).toBe(200);
  expect(backend.accepted).toBe(2);
});
