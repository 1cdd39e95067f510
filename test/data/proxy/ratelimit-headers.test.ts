import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { MessageWriter } from "../../../src/data/http1/message-writer.ts";
import {
  fillRateLimit,
  newRateLimit,
  type PolicyName,
  rateLimitLines,
  retryAfter,
} from "../../../src/data/proxy/ratelimit-headers.ts";
import type { Take } from "../../../src/shared/gcra.ts";

function take(values: Partial<Take>): Take {
  return { limit: 100, remaining: 0, resetAfter: 0, retryAfter: 0, window: 20, ...values };
}

function linesOf(name: PolicyName, asked: Take, admitted: boolean): [string, string] {
  const fields = newRateLimit();
  fillRateLimit(fields, asked, admitted);
  const writer = new MessageWriter();
  rateLimitLines(writer, name, fields);
  const text = writer.bytes.toString("latin1", 0, writer.used);
  expect(text).toMatch(/^RateLimit-Policy: .*\r\nRateLimit: .*\r\n$/);
  return text.split("\r\n").map((line) => line.replace(/^[^:]*: /, "")) as [string, string];
}
const policyField = (name: PolicyName, asked: Take) => linesOf(name, asked, true)[0];
const admittedField = (name: PolicyName, asked: Take) => linesOf(name, asked, true)[1];
const limitedField = (name: PolicyName, asked: Take) => linesOf(name, asked, false)[1];

test("whatever limits come after one another, each is told as it is", () => {
  // Some of them share their place among those that are kept, and some come again.
  const quota = fc.constantFrom(1, 2, 3, 65, 100, 1e6, 3e9, 999_999_999_999_999);
  const asked = fc.record({
    name: fc.constantFrom("client" as const, "anonymous" as const),
    quota,
    window: fc.constantFrom(1, 2, 20, 66, 1e9, 999_999_999_999_999),
    remaining: fc.nat(3),
    reset: fc.nat(3),
    times: fc.integer({ min: 1, max: 3 }),
  });
  fc.assert(
    fc.property(fc.array(asked, { maxLength: 20 }), (all) => {
      for (const { name, times, ...fields } of all) {
        for (let time = 0; time < times; time++) {
          const writer = new MessageWriter();
          rateLimitLines(writer, name, fields);
          expect(writer.bytes.toString("latin1", 0, writer.used)).toBe(
            `RateLimit-Policy: "${name}";q=${fields.quota};w=${fields.window}\r\n` +
              `RateLimit: "${name}";r=${fields.remaining};t=${fields.reset}\r\n`,
          );
        }
      }
    }),
  );
});

describe("the RateLimit fields round against the client", () => {
  test("tokens down, seconds up", () => {
    const some = take({ remaining: 49.99, resetAfter: 10.16 });
    expect(policyField("client", some)).toBe('"client";q=100;w=20');
    expect(admittedField("client", some)).toBe('"client";r=49;t=11');
  });

  test("a full bucket", () => {
    expect(admittedField("anonymous", take({ remaining: 100 }))).toBe('"anonymous";r=100;t=0');
  });

  test.each([
    [0.0001, 1],
    [1, 1],
    [1.0001, 2],
    [2.5, 3],
    // A token that came between the take and this line.
    [0, 1],
  ])("a wait of %d s is announced as %d", (seconds, announced) => {
    const empty = take({ retryAfter: seconds });
    expect(retryAfter(empty)).toBe(announced);
    expect(limitedField("client", empty)).toBe(`"client";r=0;t=${announced}`);
  });

  test("numbers stay structured field integers: whole, at most fifteen digits, no exponent", () => {
    const odd = take({ limit: 1.5, window: 1e21, resetAfter: 1e21, retryAfter: 1e21 });
    expect(policyField("client", odd)).toBe('"client";q=1;w=999999999999999');
    expect(admittedField("client", odd)).toBe('"client";r=0;t=999999999999999');
    expect(limitedField("client", odd)).toBe('"client";r=0;t=999999999999999');
    expect(policyField("client", take({ window: 0.001 }))).toBe('"client";q=100;w=1');
  });
});
