// Real threads on one table. Within a round time stands still, so every address has exactly its
// capacity, whoever takes; between two rounds every bucket fills again and may lose its place.

import { expect, test } from "bun:test";
import { AnonymousTable } from "../../src/shared/anonymous-table.ts";
import { address, neighbours } from "../support/anonymous-addresses.ts";
import { takeTogether } from "../support/anonymous-threads.ts";

const CAPACITY = 5;
/** Longer than a bucket takes to fill. */
const PAUSE = 10e9;
const reserve = () => AnonymousTable.reserve({ capacity: CAPACITY, ratePerSec: 1 });

test("many addresses: each gets exactly its capacity", async () => {
  const memory = reserve();
  const addresses = Array.from({ length: 4000 }, (_, n) => address(n));
  const [admitted] = await takeTogether(memory, [{ now: 0, addresses, times: 3 }]);
  expect(admitted).toEqual(addresses.map(() => CAPACITY));
  expect(new AnonymousTable(memory).numbers()).toEqual({
    entries: addresses.length,
    evictions: 0,
    overflows: 0,
    givenUp: 0,
  });
});

test("an address that all threads bring at once gets one bucket, not one for each", async () => {
  const memory = reserve();
  const crowd = neighbours(memory, 64);
  // Eight newcomers a round, into one set: all must find room, and none must find it twice.
  const rounds = Array.from({ length: 6000 }, (_, n) => ({
    now: n * PAUSE,
    addresses: crowd.slice((n % 8) * 8, (n % 8) * 8 + 8),
    times: CAPACITY,
  }));
  const admitted = await takeTogether(memory, rounds, 2);
  for (const round of admitted) expect(round).toEqual(round.map(() => CAPACITY));
  const { overflows, givenUp } = new AnonymousTable(memory).numbers();
  expect({ overflows, givenUp }).toEqual({ overflows: 0, givenUp: 0 });
}, 30_000);

test("a bucket whose owner comes back while it is being evicted loses no take", async () => {
  const memory = reserve();
  const crowd = neighbours(memory, 18);
  // Seven of the eight ways are wanted each round, four of them by who was there in the last one:
  // newcomers evict them while their owners take.
  const rounds = Array.from({ length: 6000 }, (_, n) => ({
    now: n * PAUSE,
    addresses: Array.from({ length: 7 }, (_, i) => crowd[(n * 3 + i) % crowd.length]!),
    times: CAPACITY,
  }));
  const admitted = await takeTogether(memory, rounds, 2);
  for (const round of admitted) expect(round).toEqual(round.map(() => CAPACITY));
  const { overflows, givenUp } = new AnonymousTable(memory).numbers();
  expect({ overflows, givenUp }).toEqual({ overflows: 0, givenUp: 0 });
}, 30_000);
