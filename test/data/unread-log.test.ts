// What the log says of what is no request that could be served, over a real socket.

import { describe, expect, test } from "bun:test";
import { requestText, startProxy } from "../support/proxy.ts";
import { RawClient } from "../support/raw-client.ts";

describe("what cannot be served has a line", () => {
  test.each([
    ["GET /secret?token=s3cret HTTP/1.1\r\n\r\n", 400],
    ["GET /secret HTTP/3.0\r\nHost: h\r\n\r\n", 505],
    [requestText("GET /", { "X-Long": "secret".repeat(20_000) }), 431],
  ])("%#", async (bytes, status) => {
    await using proxy = startProxy({ backends: [] });
    using client = await RawClient.connect(proxy.port);
    const answer = await client.exchange(bytes);
    expect(answer.status).toBe(status);
    expect(proxy.unreadLines).toEqual([
      {
        time: expect.any(String),
        level: "debug",
        component: "test",
        message: "request refused",
        address: "127.0.0.1",
        status,
        reason: expect.any(String),
        count: 1,
      },
    ]);
    const { reason } = proxy.unreadLines[0] as { reason: string };
    expect(JSON.parse(answer.body).detail).toContain(reason);
    expect(reason).not.toMatch(/s3cret|secret/);
    expect(proxy.logLines()).toEqual([]);
  });

  test("but not for each that is sent, of the same status", async () => {
    await using proxy = startProxy({ backends: [] });
    for (const version of ["1.1", "1.1", "3.0", "1.1"]) {
      using client = await RawClient.connect(proxy.port);
      await client.exchange(`GET / HTTP/${version}\r\n\r\n`);
    }
    expect(proxy.unreadLines).toMatchObject([
      { status: 400, count: 1 },
      { status: 505, count: 1 },
    ]);
    expect(proxy.metrics.total("unread_400")).toBe(3);
  });
});
