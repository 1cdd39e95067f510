// The parser must agree with node:net on every text, because BlockList and the access rules use
// node:net: an address that only one of them understands would be a way around a rule.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { BlockList, isIP } from "node:net";
import {
  addressKey,
  CidrSet,
  isCidr,
  normalizeAddress,
  type AddressKey,
} from "../../src/shared/address.ts";

function keyOf(address: string): string {
  const key: AddressKey = { hi: 0, lo: 0 };
  if (!addressKey(address, key)) throw new Error(`not an address: ${address}`);
  return `${key.hi}:${key.lo}`;
}

const isAddress = (text: string): boolean => addressKey(text, { hi: 0, lo: 0 });

const almostAddress = fc
  .array(
    fc.constantFrom("::", ":", ".", "0", "1", "25", "255", "256", "ffff", "Ab9", "%", "g", " "),
    {
      maxLength: 16,
    },
  )
  .map((parts) => parts.join(""));
const v4 = fc.ipV4();
const v6 = fc.ipV6();

describe("addressKey", () => {
  test("takes exactly the texts that isIP takes", () => {
    const text = fc.oneof(
      v4,
      v6,
      almostAddress,
      fc.string({ maxLength: 8 }),
      fc
        .tuple(v6, fc.constantFrom("%", "%eth0", "%a b", "%-.:9", "/64", ":80"))
        .map((p) => p.join("")),
    );
    fc.assert(
      fc.property(text, (candidate) => isAddress(candidate) === isIP(candidate) > 0),
      { numRuns: 20_000 },
    );
  });

  test.each([
    ["", false],
    ["1.2.3.4:80", false],
    ["[::1]", false],
    ["01.2.3.4", false],
    ["1.2.3", false],
    ["1.2.3.4.5", false],
    ["1::2::3", false],
    ["1:2:3:4:5:6:7:8:9", false],
    ["1:2:3:4:5:6:7:8::", false],
    ["1:2:3:4:5:6:7:", false],
    ["1:2:3:4:5:6:7::", true],
    ["::2:3:4:5:6:7:8", true],
    ["1:2:3:4:5:6:1.2.3.4", true],
    ["1:2:3:4:5:6:7:1.2.3.4", false],
    ["fe80::1%eth0", true],
    ["fe80::1%", false],
  ])("%s → %p", (text, expected) => {
    expect(isAddress(text)).toBe(expected);
  });

  test("leaves the key alone when the text is no address", () => {
    const key = { hi: 7, lo: 9 };
    expect(addressKey("1.2.3.999", key)).toBe(false);
    expect(key).toEqual({ hi: 7, lo: 9 });
  });

  test("every spelling of an IPv4 address has one key", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 4, maxLength: 4 }), (b) => {
        const hex = (i: number): string => ((b[i]! << 8) | b[i + 1]!).toString(16);
        const key = keyOf(b.join("."));
        expect(keyOf(`::ffff:${b.join(".")}`)).toBe(key);
        expect(keyOf(`0:0:0:0:0:FFFF:${hex(0)}:${hex(2)}`)).toBe(key);
      }),
    );
  });

  test("different IPv4 addresses have different keys", () => {
    fc.assert(
      fc.property(v4, v4, (a, b) => (keyOf(a) === keyOf(b)) === (a === b)),
      { numRuns: 2_000 },
    );
  });

  test("IPv6 addresses share a key exactly when they share a /64", () => {
    const group = fc.constantFrom("0", "1", "fe80", "2001", "ff00", "ff02", "ffff");
    const address = fc
      .tuple(...Array.from({ length: 8 }, () => group))
      .map((groups) => groups.join(":"))
      .filter((text) => !text.startsWith("ff") && isIP(normalizeAddress(text)) === 6);
    fc.assert(
      fc.property(address, address, (a, b) => {
        const rule = new BlockList();
        rule.addSubnet(a, 64, "ipv6");
        expect(keyOf(a) === keyOf(b)).toBe(rule.check(b, "ipv6"));
      }),
      { numRuns: 5_000 },
    );
  });

  test("no IPv6 address shares a key with an IPv4 address or has key 0", () => {
    const tricky = fc.constantFrom(
      "::",
      "::1",
      "::1.2.3.4",
      "ff00:4:102:304::",
      "ff02::1",
      "ffff::",
    );
    fc.assert(
      fc.property(fc.oneof(v6, tricky), v4, (six, four) => {
        fc.pre(isIP(normalizeAddress(six)) === 6);
        expect(keyOf(six)).not.toBe(keyOf(four));
        expect(keyOf(six)).not.toBe("0:0");
      }),
      { numRuns: 5_000 },
    );
    // The prefix whose bits spell the code of an IPv4 key belongs to multicast.
    expect(keyOf("ff00:4:102:304::1")).not.toBe(keyOf("1.2.3.4"));
    expect(keyOf("ff00:4:102:304::1")).toBe(keyOf("ff02::1"));
  });
});

test.each([
  ["::ffff:1.2.3.4", "1.2.3.4"],
  ["::FFFF:102:304", "1.2.3.4"],
  ["::ffff:1.2.3.4%eth0", "1.2.3.4"],
  ["FE80::AB%Eth0", "fe80::ab"],
  [" 10.0.0.1:8080 ", "10.0.0.1"],
  ["[2001:DB8::1]:443", "2001:db8::1"],
  ["[::1]", "::1"],
  ["::1", "::1"],
  ["Unknown", "unknown"],
  ["", ""],
])("normalizeAddress(%p) is %p", (text, expected) => {
  expect(normalizeAddress(text)).toBe(expected);
});

describe("CidrSet", () => {
  test("agrees with BlockList within one family", () => {
    const cases = fc.oneof(
      fc.tuple(v4, v4, fc.integer({ min: 0, max: 32 }), fc.constant("ipv4" as const)),
      fc.tuple(v6, v6, fc.integer({ min: 0, max: 128 }), fc.constant("ipv6" as const)),
    );
    fc.assert(
      fc.property(cases, ([network, address, prefix, family]) => {
        fc.pre([network, address].every((text) => `ipv${isIP(normalizeAddress(text))}` === family));
        const reference = new BlockList();
        reference.addSubnet(network, prefix, family);
        const set = new CidrSet([`${network}/${prefix}`]);
        expect(set.has(address)).toBe(reference.check(address, family));
        expect(set.has(network)).toBe(true);
      }),
      { numRuns: 3_000 },
    );
  });

  test.each([
    ["10.0.0.0/8", "::ffff:10.1.2.3", true],
    ["10.0.0.0/8", "::ffff:a01:203", true],
    ["::ffff:10.0.0.0/104", "10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "::ffff:10.1.2.3", true],
    ["::ffff:10.0.0.0/104", "11.1.2.3", false],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "10.1.2.4", false],
    ["::1", "::1", true],
    ["::/0", "2001:db8::1", true],
    ["::/0", "10.1.2.3", false],
    ["0.0.0.0/0", "::1", false],
    ["0.0.0.0/0", "::ffff:1.2.3.4", true],
    ["fe80::/10", "fe80::1%eth0", true],
    ["10.0.0.0/8", "localhost", false],
    ["10.0.0.0/8", "", false],
  ])("%s has %s: %p", (cidr, address, expected) => {
    expect(new CidrSet([cidr]).has(address)).toBe(expected);
  });

  test("an empty set has nothing and says so", () => {
    expect(new CidrSet([]).empty).toBe(true);
    expect(new CidrSet([]).has("127.0.0.1")).toBe(false);
    expect(new CidrSet(["::1"]).empty).toBe(false);
  });

  test("refuses what is not a CIDR", () => {
    expect(() => new CidrSet(["10.0.0.0/33"])).toThrow(RangeError);
  });
});

test.each([
  ["10.0.0.0/8", true],
  ["::1/128", true],
  ["127.0.0.1", true],
  ["::", true],
  ["10.0.0.0/33", false],
  ["::1/129", false],
  ["10.0.0.0/", false],
  ["10.0.0.0/08", false],
  ["10.0.0.0/-1", false],
  ["10.0.0.0/8/8", false],
  ["10.0.0/8", false],
  ["fe80::1%eth0/64", false],
  ["localhost", false],
  ["", false],
])("isCidr(%p) is %p", (text, expected) => {
  expect(isCidr(text)).toBe(expected);
});
