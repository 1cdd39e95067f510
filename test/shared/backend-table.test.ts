import { describe, expect, test } from "bun:test";
import { BackendTable } from "../../src/shared/backend-table.ts";
import { pickFrom } from "../support/picks.ts";

const URLS = ["http://127.0.0.1:81", "http://127.0.0.1:82", "http://127.0.0.1:83"];
const NOW = 1_700_000_000_000;

function setUp(weights: readonly number[] = [1, 1, 1], fall = 3) {
  const memory = BackendTable.reserve({ workers: 2, fall });
  const main = new BackendTable(memory);
  const worker = new BackendTable(memory, 0);
  const other = new BackendTable(memory, 1);
  main.setBackends(weights.map((weight, i) => ({ url: `http://10.0.0.${i + 1}:80`, weight })));
  for (const { slot } of main.snapshot()) main.setHealthy(slot, true, NOW);
  return { memory, main, worker, other };
}

const picks = (table: BackendTable, times: number) =>
  Array.from({ length: times }, () => pickFrom(table));

describe("picking", () => {
  test("a backend without a health result is not picked", () => {
    const memory = BackendTable.reserve({ workers: 1, fall: 3 });
    const main = new BackendTable(memory);
    main.setBackends(URLS.map((url) => ({ url, weight: 1 })));
    const worker = new BackendTable(memory, 0);
    expect(pickFrom(worker)).toBe(-1);
    expect(main.openCount()).toBe(0);
    main.setHealthy(1, true, NOW);
    expect(picks(worker, 3)).toEqual([1, 1, 1]);
    expect(main.openCount()).toBe(1);
    main.setBackends(URLS.map((url) => ({ url, weight: 1, draining: true })));
    expect([main.isHealthy(1), main.openCount()]).toEqual([true, 0]);
  });

  test("threads share one strict rotation", () => {
    const { worker, other } = setUp();
    const order = Array.from({ length: 9 }, (_, i) => pickFrom(i % 2 === 0 ? worker : other));
    expect(order).toEqual([0, 1, 2, 0, 1, 2, 0, 1, 2]);
  });

  test("weights are exact over each cycle", () => {
    const { worker } = setUp([1, 2, 3]);
    for (let cycle = 0; cycle < 10; cycle++) {
      expect(picks(worker, 6).toSorted((a, b) => a - b)).toEqual([0, 1, 1, 2, 2, 2]);
    }
  });

  test("with one down the others alternate; when it is back it has its turn again", () => {
    const { main, worker } = setUp();
    main.setHealthy(1, false, NOW);
    expect(picks(worker, 4)).toEqual([0, 2, 0, 2]);
    main.setHealthy(1, true, NOW);
    expect(picks(worker, 6)).toEqual([0, 1, 2, 0, 1, 2]);
  });

  test("a retry goes to one that was not tried", () => {
    const { worker } = setUp();
    expect(worker.acquire()).toBe(0);
    expect(worker.acquire(0, [0])).toBe(1);
    expect(worker.acquire(0, [0, 1])).toBe(2);
    expect(worker.acquire(0, [0, 1, 2])).toBe(-1);
  });

  test("whether there is another one is told without a turn", () => {
    const { main, worker, other } = setUp();
    expect([worker.hasAnother(0, []), worker.hasAnother(1, [0])]).toEqual([true, true]);
    expect(worker.hasAnother(2, [0, 1])).toBe(false);
    main.setBackends(main.snapshot().map(({ url }) => ({ url, weight: 1, maxInFlight: 1 })));
    other.begin(2);
    expect([worker.hasAnother(0, [1]), worker.hasAnother(2, [1])]).toEqual([false, true]);
    expect(worker.acquire()).toBe(0);
    main.setHealthy(1, false, NOW);
    expect(worker.hasAnother(0, [])).toBe(false);
  });

  test("a light backend is found behind a heavy one that just failed", () => {
    const { worker } = setUp([1000, 1], 1);
    worker.failed(0, "unconnected");
    expect(picks(worker, 100).every((slot) => slot === 1)).toBe(true);
  });
});

describe("connection failures", () => {
  test("the last of `fall` in a row makes it unhealthy for all threads, and only that one says so", () => {
    const { main, worker, other } = setUp();
    expect(worker.failed(1, "unconnected")).toBe(false);
    expect(other.failed(1, "unconnected")).toBe(false);
    expect(main.isHealthy(1)).toBe(true);
    expect(worker.failed(1, "unconnected")).toBe(true);
    expect(other.failed(1, "unconnected")).toBe(false);
    // Before the main thread has heard of it, with the old rotation.
    expect(picks(other, 4)).toEqual([0, 2, 0, 2]);
    expect(main.snapshot()[1]).toMatchObject({ healthy: false, failures: 4, flips: 2 });
  });

  test("an answer between them starts the count again", () => {
    const { main, worker, other } = setUp();
    for (let i = 0; i < 10; i++) {
      expect(worker.failed(1, "unconnected")).toBe(false);
      expect(worker.failed(1, "unconnected")).toBe(false);
      other.answered(1);
    }
    expect(main.isHealthy(1)).toBe(true);
  });

  test("failed checks count towards the same limit; a good check clears both", () => {
    const { main, worker } = setUp();
    const check = { atMs: NOW, ok: false, durationMs: 3, detail: "status 500" };
    main.recordCheck(1, check, 2);
    expect(worker.failed(1, "unconnected")).toBe(true);
    main.setHealthy(1, true, NOW);
    expect(worker.failed(1, "unconnected")).toBe(false);
    main.recordCheck(1, check, 1);
    main.recordCheck(1, { ...check, ok: true }, 0);
    expect(worker.failed(1, "unconnected")).toBe(false);
    expect(worker.failed(1, "unconnected")).toBe(false);
    expect(worker.failed(1, "unconnected")).toBe(true);
  });

  test("a backend that came back starts without its old failures", () => {
    const { main, worker } = setUp();
    for (let i = 0; i < 5; i++) worker.failed(1, "unconnected");
    main.setHealthy(1, true, NOW);
    expect(worker.failed(1, "unconnected")).toBe(false);
    expect(main.isHealthy(1)).toBe(true);
  });

  test("an answer does not excuse failed checks", () => {
    const { main, worker } = setUp();
    main.recordCheck(1, { atMs: NOW, ok: false, durationMs: 3, detail: "status 500" }, 2);
    worker.answered(1);
    expect(worker.failed(1, "unconnected")).toBe(true);
  });
});

describe("what is shown", () => {
  test("in flight, requests and failures are summed over the workers", () => {
    const { main, worker, other } = setUp();
    for (const table of [worker, worker, other]) table.begin(2);
    worker.end(2);
    other.failed(2, "unconnected");
    expect(main.snapshot()[2]).toMatchObject({ inFlight: 2, requests: 3, failures: 1 });
  });

  test("a dead worker leaves its totals, not its requests in flight", () => {
    const { main, worker, other } = setUp();
    for (const table of [worker, worker, other]) table.begin(0);
    main.clearWorker(0);
    expect(main.snapshot()[0]).toMatchObject({ inFlight: 1, requests: 3 });
  });

  test("the places of a dead worker are free again", () => {
    const { main, worker, other } = setUp();
    main.setBackends([{ url: "http://10.0.0.1:80", weight: 1, maxInFlight: 2 }]);
    expect([worker.acquire(), other.acquire(), other.acquire()]).toEqual([0, 0, -2]);
    main.clearWorker(0);
    expect([other.acquire(), other.acquire()]).toEqual([0, -2]);
    other.end(0);
    expect(main.snapshot()[0]).toMatchObject({ inFlight: 1, maxInFlight: 2 });
  });

  test("the last check, with a detail that is too long cut between characters", () => {
    const { main, other } = setUp();
    expect(other.snapshot()[0]!.lastCheck).toBeNull();
    const check = { atMs: NOW + 0.5, ok: true, durationMs: 1.25, detail: "status 200" };
    main.recordCheck(0, check, 0);
    expect(other.snapshot()[0]!.lastCheck).toEqual(check);
    main.recordCheck(0, { ...check, detail: "é".repeat(200) }, 0);
    expect(other.snapshot()[0]!.lastCheck!.detail).toBe("é".repeat(128));
  });
});

describe("changing the list", () => {
  test("what stays keeps its slot, health and totals; what is new starts unhealthy and from zero", () => {
    const { main, worker } = setUp();
    const before = main.snapshot();
    worker.begin(0);
    worker.end(0);
    worker.begin(2);
    main.recordCheck(0, { atMs: NOW, ok: true, durationMs: 1, detail: "status 200" }, 0);
    main.setBackends([
      { url: before[2]!.url, weight: 4 },
      { url: "http://10.9.9.9:80", weight: 1 },
    ]);
    const [added, kept] = main.snapshot();
    expect(kept).toEqual({ ...before[2]!, weight: 4, inFlight: 1, requests: 1 });
    expect(added).toMatchObject({ slot: 0, url: "http://10.9.9.9:80", healthy: false });
    expect(added).toMatchObject({ requests: 0, flips: 0, lastCheck: null, sinceMs: 0 });
    expect(picks(worker, 3)).toEqual([2, 2, 2]);
  });

  test("every thread sees the new URL of a slot", () => {
    const { main, worker, other } = setUp();
    expect(worker.url(0)).toBe("http://10.0.0.1:80");
    main.setBackends([{ url: "http://10.9.9.9:80", weight: 1 }]);
    expect([main.url(0), worker.url(0), other.url(0)]).toEqual(
      new Array(3).fill("http://10.9.9.9:80"),
    );
  });

  test("a slot with requests in flight is not given to another backend while others are free", () => {
    const { main, worker } = setUp();
    worker.begin(0);
    main.setBackends([{ url: "http://10.9.9.9:80", weight: 1 }]);
    expect(main.snapshot()).toMatchObject([{ slot: 1, inFlight: 0 }]);
  });

  test("too many, twice the same, or too long a URL is refused and changes nothing", () => {
    const { main } = setUp();
    const before = main.snapshot();
    const one = { url: "http://10.9.9.9:80", weight: 1 };
    const many = Array.from({ length: 257 }, (_, i) => ({ url: `http://h:${i}`, weight: 1 }));
    expect(() => main.setBackends(many)).toThrow("more than 256");
    expect(() => main.setBackends([one, one])).toThrow("twice");
    expect(() => main.setBackends([{ ...one, url: `http://${"h".repeat(600)}` }])).toThrow("512");
    expect(main.snapshot()).toEqual(before);
  });

  test("256 backends fit and share exactly", () => {
    const { main, worker } = setUp(new Array(256).fill(3));
    expect(main.openCount()).toBe(256);
    expect(new Set(picks(worker, 256)).size).toBe(256);
  });
});
