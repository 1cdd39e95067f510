// The path as the gateway mounts it: Elysia must neither read bodies nor touch answers.

import { expect, test } from "bun:test";
import { Elysia } from "elysia";
import { rawBackend } from "../../support/backend.ts";
import { requestText, startProxy } from "../../support/proxy.ts";
import { RawClient, valuesOf } from "../../support/raw-client.ts";

test("a JSON upload and a chunked answer with cookies pass through", async () => {
  using backend = rawBackend(async (request, { write }) => {
    await backend.until(() => request.body.length === 7);
    await write(
      "HTTP/1.1 200 OK\r\nSet-Cookie: a=1\r\nSet-Cookie: b=2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
    );
  });
  await using proxy = startProxy({
    backends: [backend.url],
    server: (handler) => {
      const app = new Elysia().all(
        "/*",
        ({ request, server }) => handler(request, server as Bun.Server<undefined>),
        { parse: "none" },
      );
      app.listen({ hostname: "127.0.0.1", port: 0 });
      return app.server as Bun.Server<undefined>;
    },
  });
  using client = await RawClient.connect(proxy.port);
  const headers = { "Content-Type": "application/json", "Content-Length": "7" };
  const answer = await client.exchange(requestText("POST /a?b", headers, '{"a":1}'));
  expect(answer).toMatchObject({ status: 200, body: "ok" });
  expect(valuesOf(answer, "set-cookie")).toEqual(["a=1", "b=2"]);
  expect(backend.requests[0]!.body).toBe('{"a":1}');
  expect(backend.requests[0]!.target).toBe("/a?b");
  await proxy.idle();
});
