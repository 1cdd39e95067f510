// Where a backend's name leads is judged on the connection itself, before a byte of a request leaves.

import { expect, test } from "bun:test";
import { DeadlineWheel } from "../../../src/data/http1/deadlines.ts";
import { Pools } from "../../../src/data/proxy/pools.ts";
import type { CallFailure } from "../../../src/data/http1/call.ts";
import { UpstreamPool } from "../../../src/data/http1/upstream-pool.ts";
import { rawBackend } from "../../support/backend.ts";

function poolsOf(allowLinkLocal: boolean): Pools {
  const deadlines = new DeadlineWheel(0);
  return new Pools({ backends: { epoch: () => 1 }, deadlines, limits: {}, allowLinkLocal });
}

test.each(["http://backend.test", "https://backend.test"])(
  "%s: no request goes to a link-local or metadata address",
  (url) => {
    const { accepts } = poolsOf(false).of(0, url);
    for (const address of ["169.254.169.254", "::ffff:169.254.169.254", "fe80::1", "fd00:ec2::1"]) {
      expect([address, accepts!(address)]).toEqual([address, false]);
    }
    for (const address of ["127.0.0.1", "::1", "10.0.0.1", "::ffff:10.0.0.1", "2001:db8::1"]) {
      expect([address, accepts!(address)]).toEqual([address, true]);
    }
  },
);

test("nothing is looked at where it is allowed, or the address itself was given", () => {
  expect(poolsOf(true).of(0, "http://backend.test").accepts).toBeNull();
  expect(poolsOf(false).of(0, "http://[::1]:80").accepts).toBeNull();
});

test("a connection to an address that is not accepted carries nothing", async () => {
  using backend = rawBackend();
  const looked: string[] = [];
  const { promise: failed, resolve } = Promise.withResolvers<CallFailure>();
  const pool = new UpstreamPool({
    hostname: "localhost",
    port: backend.port,
    deadlines: new DeadlineWheel(0),
    accepts: (address) => looked.push(address) < 0,
  });
  pool.writer.reset().text("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  pool.call(
    {
      toHead: false,
      upgrade: false,
      onInterim() {},
      onAnswer() {},
      onAnswerBody() {},
      onAnswerRead() {},
      onCallDrain() {},
      onCallFailure: resolve,
    },
    true,
  );
  expect(await failed).toBe("unreachable");
  expect(looked).toEqual(["127.0.0.1"]);
  expect(pool.connections).toBe(0);
  await backend.until(() => backend.accepted === 1 && backend.open === 0);
  expect(backend.requests).toEqual([]);
});
