// With consistent_hash, who is limited together comes to one backend.

import { describe, expect, test } from "bun:test";
import { rawBackend } from "../../support/backend.ts";
import { startProxy, TRANSPORTS } from "../../support/proxy.ts";

describe.each(TRANSPORTS)("%s", (transport) => {
  test.each([
    ["an IPv6 /64", (i: number) => `2001:db8:1:2:${i.toString(16)}::1`],
    ["one IPv6 address, however it is spelt", (i: number) => `2001:db8${":0".repeat(i % 5)}::1`],
  ])("%s comes to one backend", async (_, addressOf) => {
    using one = rawBackend();
    using two = rawBackend();
    using three = rawBackend();
    const backends = [one, two, three];
    await using proxy = startProxy({
      transport,
      backends: backends.map(({ url }) => url),
      balancer: "consistent_hash",
      config: { trustedProxies: ["127.0.0.1"] },
    });
    for (let i = 0; i < 16; i++) {
      await fetch(proxy.url, { headers: { "x-forwarded-for": addressOf(i) } });
    }
    const counts = backends.map(({ requests }) => requests.length);
    expect(counts.toSorted((a, b) => a - b)).toEqual([0, 0, 16]);
  });
});
