// The busiest addresses are found in memory that does not grow, and what is said about them is true.

import { describe, expect, test } from "bun:test";
import { type AddressKey, addressKey, keyText } from "../../src/shared/address.ts";
import { BusyAddresses } from "../../src/shared/busy-addresses.ts";

const SECOND = 1e9;

function key(address: string): AddressKey {
  const out = { hi: 0, lo: 0 };
  if (!addressKey(address, out)) throw new Error(address);
  return out;
}

function ipv4(number: number): string {
  return `10.${(number >>> 16) & 255}.${(number >>> 8) & 255}.${number & 255}`;
}

test.each([
  ["192.0.2.255", "192.0.2.255"],
  ["::ffff:10.0.0.1", "10.0.0.1"],
  ["2001:db8:0:1:ffff::1", "2001:db8:0:1::/64"],
  ["2001:db8::1", "2001:db8::/64"],
  ["fe80::1", "fe80::/64"],
  ["::1", "::/64"],
  ["ff02::1", "ff00::/8"],
])("the key of %s stands for %s", (address, network) => {
  expect(keyText(key(address))).toBe(network);
});

describe("with room for all", () => {
  test("every request is counted exactly, by address", () => {
    const busy = new BusyAddresses(BusyAddresses.reserve({ workers: 1 }), 0);
    for (let number = 0; number < 500; number++) {
      for (let i = 0; i <= number; i++) busy.count(key(ipv4(number)), i % 3 === 0, i * SECOND);
    }
    const found = new Map(busy.all().map((use) => [use.address, use]));
    expect(found.size).toBe(500);
    for (let number = 0; number < 500; number++) {
      const total = number + 1;
      const admitted = Math.ceil(total / 3);
      expect(found.get(ipv4(number))).toEqual({
        address: ipv4(number),
        admitted,
        rejected: total - admitted,
        forgotten: 0,
        since: 0,
        lastSeen: number,
      });
    }
  });
});

describe("with a hundred times as many addresses as there is room for", () => {
  const busy = new BusyAddresses(BusyAddresses.reserve({ workers: 1 }), 0);
  const counted = new Map<string, number>();
  const count = (address: string): void => {
    counted.set(address, (counted.get(address) ?? 0) + 1);
    busy.count(key(address), true, SECOND);
  };
  for (let number = 0; number < 400_000; number++) {
    count(ipv4(number % 200_000));
    if (number % 20 === 0) count(`192.0.2.${(number / 20) % 10}`);
  }
  const all = busy.all();

  test("the busy ones are found, and lead by far", () => {
    const leaders = [...all].sort((a, b) => b.admitted - a.admitted).slice(0, 10);
    expect(leaders.map((use) => use.address).sort()).toEqual(
      Array.from({ length: 10 }, (_, last) => `192.0.2.${last}`),
    );
    // 2,000 each; only what came before their first entry may be missing.
    for (const use of leaders) expect(use.admitted).toBeWithin(1900, 2001);
  });

  test("nobody's count is too high, and none is too low by more than it says", () => {
    expect(all.length).toBe(4096);
    for (const { address, admitted, forgotten } of all) {
      const truth = counted.get(address)!;
      expect(admitted).toBeLessThanOrEqual(truth);
      expect(admitted + forgotten).toBeGreaterThanOrEqual(truth);
    }
  });
});

test("who was busy long ago makes room first", () => {
  const busy = new BusyAddresses(BusyAddresses.reserve({ workers: 1 }), 0);
  const then = 2 * SECOND;
  for (let number = 0; number < 20_000; number++) {
    for (let i = 0; i < 10; i++) busy.count(key(ipv4(number)), true, then);
  }
  const now = then + 601 * SECOND;
  const young = Array.from({ length: 200 }, (_, number) => `198.51.100.${number}`);
  for (const address of young) busy.count(key(address), true, now);
  for (const address of young) busy.count(key(address), true, now);
  const found = new Map(busy.all().map((use) => [use.address, use.admitted]));
  expect(young.map((address) => found.get(address))).toEqual(young.map(() => 2));
});

test("a reader in another thread's place sees the rows of all workers, and writes none", () => {
  const memory = BusyAddresses.reserve({ workers: 2 });
  new BusyAddresses(memory, 0).count(key("10.0.0.1"), true, 5 * SECOND);
  new BusyAddresses(memory, 1).count(key("10.0.0.1"), false, 3 * SECOND);
  expect(new BusyAddresses(memory).all()).toEqual([
    { address: "10.0.0.1", admitted: 1, rejected: 1, forgotten: 0, since: 3, lastSeen: 5 },
  ]);
});
