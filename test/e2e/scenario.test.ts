// The scenario a stranger tries first, on the compiled executable with `ab` as the client.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Gateway } from "../support/gateway.ts";
import {
  HEALTH_PATH,
  startHelloBackends,
  tally,
  type HelloBackends,
} from "../support/hello-backends.ts";
import { runAb } from "../support/load.ts";

describe.each(["fetch", "pooled"])("the scenario over %s", (transport) => {
  let backends: HelloBackends;
  let gateway: Gateway;

  beforeAll(async () => {
    backends = startHelloBackends(3);
    gateway = await Gateway.start({
      backends: backends.urls,
      env: {
        HEALTH_PATH,
        HEALTH_INTERVAL: "100ms",
        HEALTH_TIMEOUT: "500ms",
        TRANSPORT: transport,
      },
    });
  });

  afterAll(async () => {
    await gateway[Symbol.asyncDispose]();
    await backends[Symbol.asyncDispose]();
  });

  test("ab against a client with 50 of 100 tokens and 5 a second admits exactly what the bucket holds", async () => {
    const client = { client_id: "client9", capacity: 100, rate_per_sec: 5, current_tokens: 50 };
    const created = await gateway.api("POST", "/clients", client);
    const createdAt = performance.now();
    expect(created.status).toBe(201);
    expect(created.headers.get("location")).toBe("/clients/client9");

    backends.served.length = 0;
    const result = await runAb(`${gateway.url}/?client_id=client9`, {
      requests: 1000,
      concurrency: 10,
    });
    const elapsed = (performance.now() - createdAt) / 1000;

    expect(result.complete).toBe(1000);
    const admitted = backends.served.length;
    expect(result.non2xx).toBe(1000 - admitted);
    const expected = Math.floor(50 + 5 * elapsed);
    expect(Math.abs(admitted - expected)).toBeLessThanOrEqual(1);
  });

  test("the admitted requests reach the backends in strict rotation", async () => {
    await gateway.createClient({ client_id: "rotation", capacity: 3000, rate_per_sec: 1 });
    backends.served.length = 0;
    // One at a time: with several in flight, arrival order is the network's, not the balancer's.
    await runAb(`${gateway.url}/?client_id=rotation`, { requests: 300, concurrency: 1 });
    const first = ["backend-1", "backend-2", "backend-3"].indexOf(backends.served[0]!);
    const expected = Array.from({ length: 300 }, (_, at) => `backend-${((first + at) % 3) + 1}`);
    expect(backends.served).toEqual(expected);
  });

  test("three backends share 3,000 concurrent requests as 1,000 each", async () => {
    await gateway.createClient({ client_id: "thirds", capacity: 3000, rate_per_sec: 0.001 });
    backends.served.length = 0;
    await runAb(`${gateway.url}/?client_id=thirds`, { requests: 3000, concurrency: 32 });
    expect(tally(backends.served)).toEqual({
      "backend-1": 1000,
      "backend-2": 1000,
      "backend-3": 1000,
    });
  });

  test("a 429 says when to come back and which limit it was", async () => {
    await gateway.createClient({
      client_id: "empty",
      capacity: 100,
      rate_per_sec: 0.5,
      current_tokens: 0,
    });
    const answer = await fetch(`${gateway.url}/?client_id=empty`);
    expect(answer.status).toBe(429);
    expect(answer.headers.get("content-type")).toBe("application/problem+json");
    expect(answer.headers.get("cache-control")).toBe("no-store");
    expect(answer.headers.get("retry-after")).toBe("2");
    expect(answer.headers.get("ratelimit-policy")).toBe('"client";q=100;w=200');
    expect(answer.headers.get("ratelimit")).toBe('"client";r=0;t=2');
    expect(await answer.json()).toMatchObject({
      type: "https://iana.org/assignments/http-problem-types#quota-exceeded",
      status: 429,
      "violated-policies": ["client"],
    });
  });

  test("an admitted answer carries the state of the bucket", async () => {
    await gateway.createClient({
      client_id: "headers",
      capacity: 100,
      rate_per_sec: 5,
      current_tokens: 50,
    });
    const answer = await fetch(`${gateway.url}/?client_id=headers`);
    expect(answer.status).toBe(200);
    expect(answer.headers.get("ratelimit-policy")).toBe('"client";q=100;w=20');
    expect(answer.headers.get("ratelimit")).toMatch(/^"client";r=(49|50);t=1[01]$/);
  });

  test("two clients at the same time do not affect each other", async () => {
    await gateway.createClient({ client_id: "left", capacity: 200, rate_per_sec: 0.001 });
    await gateway.createClient({ client_id: "right", capacity: 70, rate_per_sec: 0.001 });
    const [left, right] = await Promise.all([
      runAb(`${gateway.url}/?client_id=left`, { requests: 500, concurrency: 8 }),
      runAb(`${gateway.url}/?client_id=right`, { requests: 500, concurrency: 8 }),
    ]);
    expect(500 - left.non2xx).toBe(200);
    expect(500 - right.non2xx).toBe(70);
  });

  test("stopped backends are left out, and with none left the answer is 503", async () => {
    await gateway.createClient({ client_id: "survivor", capacity: 1e6, rate_per_sec: 1e6 });
    const url = `${gateway.url}/?client_id=survivor`;

    await backends.all[0]!.stop();
    backends.served.length = 0;
    expect((await runAb(url, { requests: 200, concurrency: 8 })).non2xx).toBe(0);
    expect(Object.keys(tally(backends.served)).toSorted()).toEqual(["backend-2", "backend-3"]);

    await backends.all[1]!.stop();
    backends.served.length = 0;
    expect((await runAb(url, { requests: 200, concurrency: 8 })).non2xx).toBe(0);
    expect(tally(backends.served)).toEqual({ "backend-3": 200 });

    await backends.all[2]!.stop();
    await gateway.log(
      (line) => line.message === "backend is unhealthy" && line["url"] === backends.urls[2],
    );
    const down = await fetch(url);
    expect(down.status).toBe(503);
    expect(await down.text()).toContain("Service not available");
    expect((await fetch(`${gateway.url}/-/ready`)).status).toBe(503);

    const since = gateway.lines.length;
    for (const backend of backends.all) backend.restart();
    await Promise.all(
      backends.urls.map((backend) =>
        gateway.log(
          (line) => line.message === "backend is healthy" && line["url"] === backend,
          since,
        ),
      ),
    );
    backends.served.length = 0;
    expect((await runAb(url, { requests: 300, concurrency: 8 })).non2xx).toBe(0);
    expect(tally(backends.served)).toEqual({
      "backend-1": 100,
      "backend-2": 100,
      "backend-3": 100,
    });
  });
});

describe.each(["fetch", "pooled"])("exact across threads over %s", (transport) => {
  test.each([1, 2])(
    "1000 tokens, 4 workers, 20,000 requests on 64 connections: 1000 admitted (run %d)",
    async () => {
      await using backends = startHelloBackends(3);
      await using gateway = await Gateway.start({
        backends: backends.urls,
        env: { HEALTH_PATH, WORKERS: "4", ACCESS_LOG: "off", TRANSPORT: transport },
      });
      await gateway.createClient({ client_id: "exact", capacity: 1000, rate_per_sec: 0.001 });
      const result = await runAb(`${gateway.url}/?client_id=exact`, {
        requests: 20_000,
        concurrency: 64,
        keepAlive: true,
      });
      expect(result.complete).toBe(20_000);
      expect(backends.served.length).toBe(1000);
      expect(result.non2xx).toBe(19_000);
      expect(tally(backends.served)).toEqual({
        "backend-1": 334,
        "backend-2": 333,
        "backend-3": 333,
      });
    },
  );
});
