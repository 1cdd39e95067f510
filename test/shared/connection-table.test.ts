import { describe, expect, test } from "bun:test";
import { CidrSet } from "../../src/shared/address.ts";
import { ConnectionTable } from "../../src/shared/connection-table.ts";

const LIMITS = { most: 10_000, mostPerAddress: 5000 };

describe("connections of all workers", () => {
  test("are added up, in all and by address", () => {
    const memory = ConnectionTable.reserve({ ...LIMITS, workers: 2 });
    const [one, other] = [new ConnectionTable(memory, 0), new ConnectionTable(memory, 1)];
    one.opened("192.0.2.1");
    other.opened("192.0.2.1");
    other.opened("192.0.2.2");
    expect([one.total(), other.total()]).toEqual([3, 3]);
    expect(one.of("192.0.2.1")).toBe(2);
    other.closed("192.0.2.1");
    expect([one.of("192.0.2.1"), one.total()]).toEqual([1, 2]);
  });

  test("of one IPv6 subscriber count together", () => {
    const table = new ConnectionTable(ConnectionTable.reserve({ ...LIMITS, workers: 1 }));
    table.opened("2001:db8:1:2::1");
    table.opened("2001:db8:1:2:3::4");
    expect(table.of("2001:db8:1:2::9")).toBe(2);
    expect(table.of("2001:db8:1:3::1")).toBe(0);
  });

  test("of a dead worker are forgotten, those of the others are not", () => {
    const memory = ConnectionTable.reserve({ ...LIMITS, workers: 2 });
    const [one, other] = [new ConnectionTable(memory, 0), new ConnectionTable(memory, 1)];
    one.opened("192.0.2.1");
    other.opened("192.0.2.1");
    new ConnectionTable(memory).clearWorker(1);
    expect([one.total(), one.of("192.0.2.1")]).toEqual([1, 1]);
  });

  test("of an exempt address count in all only", () => {
    const memory = ConnectionTable.reserve({ ...LIMITS, workers: 1 });
    const table = new ConnectionTable(memory, 0, new CidrSet(["10.0.0.0/8"]));
    table.opened("10.1.2.3");
    expect([table.total(), table.of("10.1.2.3")]).toEqual([1, 0]);
    table.closed("10.1.2.3");
    expect(table.total()).toBe(0);
  });

  test("of thousands of addresses are never counted too low, and hardly too high", () => {
    const table = new ConnectionTable(ConnectionTable.reserve({ ...LIMITS, workers: 1 }));
    const address = (i: number): string => `10.0.${i >> 8}.${i & 255}`;
    for (let i = 0; i < 4000; i++) table.opened(address(i));
    const found = Array.from({ length: 4000 }, (_, i) => table.of(address(i)));
    expect(Math.min(...found)).toBe(1);
    expect(Math.max(...found)).toBeLessThan(12);
    for (let i = 0; i < 4000; i++) table.closed(address(i));
    expect([table.total(), table.of(address(7))]).toEqual([0, 0]);
  });

  test.each([
    [10_000, 2],
    [100_000, 10],
    [1_000_000, 100],
  ])("of %d addresses, all there may be, do not make one look like %d", (most, mostPerAddress) => {
    const table = new ConnectionTable(
      ConnectionTable.reserve({ workers: 1, most, mostPerAddress }),
    );
    const address = (i: number): string => `10.${i >> 16}.${(i >> 8) & 255}.${i & 255}`;
    for (let i = 0; i < most; i++) table.opened(address(i));
    let refused = 0;
    for (let i = 0; i < 10_000; i++) if (table.of(address(i)) > mostPerAddress) refused++;
    expect(refused).toBeLessThan(50);
  });
});
