import { describe, expect, test } from "bun:test";
import { redact } from "../../../src/data/proxy/access-log.ts";
import { rawBackend } from "../../support/backend.ts";
import { startProxy } from "../../support/proxy.ts";
import { valuesOf } from "../../support/raw-client.ts";

describe("the access log", () => {
  test("has a line for each request, in order, with all that is known of it", async () => {
    using backend = rawBackend();
    const clients = { a: { capacity: 1, ratePerSec: 0.001 } };
    await using proxy = startProxy({ backends: [backend.url], clients });
    for (const path of ["/x?client_id=a&token=t", "/x?client_id=a", "/y"]) {
      await (await fetch(`${proxy.url}${path}`)).text();
    }
    const lines = proxy.logLines();
    expect(lines).toHaveLength(3);
    const [admitted, limited, anonymous] = lines;
    expect(admitted).toEqual({
      time: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/),
      level: "info",
      component: "access",
      message: "request",
      request_id: valuesOf(backend.requests[0]!, "x-request-id")[0],
      trace_id: valuesOf(backend.requests[0]!, "traceparent")[0]!.slice(3, 35),
      client: "a",
      address: "127.0.0.1",
      decision: "admitted",
      backend: backend.url,
      status: 200,
      bytes: 2,
      duration_ms: expect.any(Number),
      method: "GET",
      path: "/x?client_id=a&token=***",
    });
    expect(limited).toMatchObject({ decision: "limited", status: 429, backend: null });
    expect(anonymous).toMatchObject({ client: null, address: "127.0.0.1", path: "/y" });
  });

  test("writes by itself, soon and in one piece", async () => {
    const { createAccessLog } = await import("../../../src/data/proxy/access-log.ts");
    const written: string[] = [];
    const seen = Promise.withResolvers<void>();
    const log = createAccessLog({
      format: "text",
      write: (lines) => {
        written.push(lines);
        seen.resolve();
      },
    });
    const { Exchange } = await import("../../../src/data/proxy/exchange.ts");
    for (let i = 0; i < 3; i++) {
      const asked = { method: "GET", target: `/${i}`, length: 0, fields: { get: () => null } };
      log.record(new Exchange(asked, 0, "10.0.0.1", false), 1e6);
    }
    expect(written).toHaveLength(0);
    await seen.promise;
    expect(written).toHaveLength(1);
    expect(written[0]!.trimEnd().split("\n")).toHaveLength(3);
  });
});

describe("what is secret in a query", () => {
  test.each([
    ["/p", "/p"],
    ["/p?client_id=a&x=1", "/p?client_id=a&x=1"],
    ["/p?token=a&access_token=b&ID_TOKEN=c", "/p?token=***&access_token=***&ID_TOKEN=***"],
    ["/p?api_key=a&apikey=b&x-api-key=c&key=d", "/p?api_key=***&apikey=***&x-api-key=***&key=***"],
    ["/p?password=a&passwd=b&pwd=c&pass=d", "/p?password=***&passwd=***&pwd=***&pass=***"],
    [
      "/p?code=a&auth=b&sig=c&X-Amz-Signature=d",
      "/p?code=***&auth=***&sig=***&X-Amz-Signature=***",
    ],
    ["/p?client_secret=a", "/p?client_secret=***"],
    ["/p?to%6ben=a", "/p?to%6ben=***"],
    ["/p?token=a=b?c", "/p?token=***"],
    ["/p?monkey=a&author=b&zipcode=c&token", "/p?monkey=a&author=b&zipcode=c&token"],
    ["/p?%zz=a", "/p?%zz=a"],
  ])("%s", (target, shown) => {
    expect(redact(target)).toBe(shown);
  });
});
