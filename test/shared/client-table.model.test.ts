// Random lives of a few clients, run on the table and on the textbook token bucket side by side.

import { expect, test } from "bun:test";
import fc from "fast-check";
import { ClientTable } from "../../src/shared/client-table.ts";
import { ADMITTED, LIMITED, newLimit, newTake, type Take } from "../../src/shared/gcra.ts";
import { BucketModel } from "../support/bucket-model.ts";

const IDS = ["a", "b", "a-rather-long-client-id", "x".repeat(128)];
const out: Take = newTake();

/** Log-uniform: tiny and huge values are as likely as ordinary ones. */
const capacity = fc
  .tuple(fc.double({ min: 0, max: 9, noNaN: true }), fc.boolean())
  .map(([log, whole]) => Math.min(1e9, whole ? Math.round(10 ** log) : 10 ** log));
const rate = fc.double({ min: -6, max: 9, noNaN: true }).map((log) => Math.min(1e9, 10 ** log));
const fill = fc.oneof(fc.constantFrom(0, 1, 0.5), fc.double({ min: 0, max: 1, noNaN: true }));
const id = fc.constantFrom(...IDS);
/** Nine years: how long the table promises to count (bucket-layout.ts). */
const UPTIME = 2 ** 58;
/** From one nanosecond to three years. */
const pause = fc.double({ min: 0, max: 17, noNaN: true }).map((log) => Math.floor(10 ** log));

const step = fc.oneof(
  fc.record({ do: fc.constant("add" as const), id, capacity, rate, fill }),
  fc.record({
    do: fc.constant("change" as const),
    id,
    capacity,
    rate,
    fill: fc.option(fill, { nil: null }),
  }),
  fc.record({ do: fc.constant("remove" as const), id }),
  { weight: 4, arbitrary: fc.record({ do: fc.constant("take" as const), id, times: fc.nat(40) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant("peek" as const), id }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), pause }) },
);
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never;

class SideBySide {
  readonly #table = new ClientTable(ClientTable.reserve({ maxClients: 400 }));
  readonly #models = new Map<string, BucketModel>();
  #now = 0;

  run(next: Step): void {
    if (next.do === "wait") this.#now = Math.min(this.#now + next.pause, UPTIME);
    else this.#act(next);
    expect(this.#table.size).toBe(this.#models.size);
    for (const id of IDS) {
      const slot = this.#table.find(id);
      expect(slot >= 0).toBe(this.#models.has(id));
      if (slot >= 0) expect(this.#table.idOf(slot)).toBe(id);
    }
  }

  #act(next: Exclude<Step, { do: "wait" }>): void {
    const slot = this.#table.find(next.id);
    const model = this.#models.get(next.id);
    if (next.do === "add") return model ? undefined : this.#add(next);
    if (!model) return;
    if (next.do === "remove") {
      this.#table.remove(slot, this.#now);
      this.#models.delete(next.id);
      return;
    }
    if (next.do === "change") {
      const limit = { capacity: next.capacity, ratePerSec: next.rate };
      const tokens = next.fill === null ? null : next.fill * next.capacity;
      this.#table.change(slot, limit, tokens, this.#now);
      const scale = tokens === null ? next.capacity / model.capacity : 0;
      model.slack = tolerance(model) * scale;
      model.change(next.capacity, rateInForce(limit), tokens, this.#now);
      expect(this.#table.ratePerSec(slot)).toBe(next.rate);
    } else {
      for (let i = 0; i < (next.do === "take" ? next.times : 0); i++) this.#take(slot, model);
    }
    model.refill(this.#now);
    this.#table.peek(slot, this.#now, out);
    expect(Math.abs(out.remaining - model.tokens)).toBeLessThan(tolerance(model));
    this.#expectCoherent(model);
  }

  #add(next: Step & { do: "add" }): void {
    const limit = { capacity: next.capacity, ratePerSec: next.rate };
    const tokens = next.fill * next.capacity;
    expect(this.#table.add(next.id, limit, tokens, this.#now)).toBeGreaterThanOrEqual(0);
    const model = new BucketModel(next.capacity, rateInForce(limit), tokens, this.#now);
    this.#models.set(next.id, model);
  }

  #take(slot: number, model: BucketModel): void {
    model.refill(this.#now);
    const outcome = this.#table.take(slot, this.#now, out);
    // Within a hair of a whole token either answer is right: the model follows the table.
    if (Math.abs(model.tokens - 1) > tolerance(model)) {
      expect(outcome).toBe(model.tokens >= 1 ? ADMITTED : LIMITED);
    }
    if (outcome === ADMITTED) model.tokens -= 1;
    if (outcome === LIMITED) expect(out.remaining).toBeLessThan(1);
  }

  /** The five figures must tell one story. */
  #expectCoherent(model: BucketModel): void {
    const perSec = model.rate * 1e9;
    expect(out.limit).toBe(model.capacity);
    expect(out.remaining).toBeGreaterThanOrEqual(0);
    expect(out.remaining).toBeLessThanOrEqual(out.limit);
    expect(out.retryAfter === 0).toBe(out.remaining >= 1);
    const untilFull = (out.limit - out.remaining) / perSec;
    expect(Math.abs(out.resetAfter - untilFull)).toBeLessThan(tolerance(model) / perSec);
    const untilOne = Math.max(0, 1 - out.remaining) / perSec;
    expect(Math.abs(out.retryAfter - untilOne)).toBeLessThan(tolerance(model) / perSec);
  }
}

/** Tokens a nanosecond that the table promises for a limit (gcra.test.ts bounds the difference). */
function rateInForce(limit: { capacity: number; ratePerSec: number }): number {
  const { interval, exponent } = newLimit(limit.capacity, limit.ratePerSec);
  return 1 / (interval * 2 ** exponent);
}

/**
 * Tokens by which the two may differ: the model's floating point over some steps, and one unit of
 * the table a step, which above 1e7 tokens a second is a noticeable part of a token or more. Keeping
 * the fraction in a larger capacity enlarges the difference too.
 */
function tolerance(model: BucketModel): number {
  const unit = newLimit(model.capacity, model.rate * 1e9).interval;
  return model.slack + 1e-5 + model.capacity * 1e-12 + 60 / unit;
}

test("the table answers as the textbook bucket does", () => {
  const lives = fc.array(step, { minLength: 20, maxLength: 60 });
  fc.assert(
    fc.property(lives, (steps) => {
      const sides = new SideBySide();
      for (const next of steps) sides.run(next);
    }),
    { numRuns: 1000 },
  );
});
