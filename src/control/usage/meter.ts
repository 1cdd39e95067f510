// How much each client used, and how fast: what the counters in its slot do not say by themselves.
// Owned by the main thread. It looks over the slots a piece at a time, all of them each second up to
// 131,072 clients, in 8 s with a million: so a rate costs a request nothing, and a client 44 bytes.

import type { ClientUsage } from "../../shared/bucket-table.ts";
import type { ClientTable } from "../../shared/client-table.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Rates } from "../../shared/usage.ts";
import { decay, MINUTE, Tally, TEN_MINUTES } from "./tally.ts";

const PIECE = 16_384;
const PIECES_A_TICK = 8;
const TICK_MS = 1000;
const SECOND = 1e9;

export interface MeterReading {
  /** Requests since `since`. */
  readonly admitted: number;
  readonly rejected: number;
  /** ns on the clock. */
  readonly since: number;
  /** Whole seconds on the clock; -1 when no request came. */
  readonly lastSeen: number;
  readonly minute: Rates;
  readonly tenMinutes: Rates;
}

export interface UsageMeterOptions {
  readonly table: ClientTable;
  readonly maxClients: number;
  readonly clock: Clock;
}

export class UsageMeter {
  readonly #table: ClientTable;
  readonly #clock: Clock;
  /** ns: when each slot's counters began at zero. */
  readonly #since: Float64Array;
  readonly #admitted: Tally;
  readonly #rejected: Tally;
  /** ns: when each piece was looked at last. */
  readonly #lookedAt: Float64Array;
  readonly #usage: ClientUsage = { admitted: 0, rejected: 0, lastSeen: -1 };
  #nextPiece = 0;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor({ table, maxClients, clock }: UsageMeterOptions) {
    this.#table = table;
    this.#clock = clock;
    this.#since = new Float64Array(maxClients);
    this.#admitted = new Tally(maxClients);
    this.#rejected = new Tally(maxClients);
    this.#lookedAt = new Float64Array(Math.ceil(maxClients / PIECE)).fill(clock());
  }

  start(): void {
    this.#timer = setInterval(() => this.tick(this.#clock()), TICK_MS);
  }

  stop(): void {
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#timer = null;
  }

  /** The slot's counters are zero now: it has a new client, or one that was reset. */
  opened(slot: number, now: number): void {
    this.#since[slot] = now;
    this.#admitted.clear(slot);
    this.#rejected.clear(slot);
  }

  /** Looks at the pieces whose turn it is. */
  tick(now: number): void {
    const pieces = Math.ceil(this.#table.slots / PIECE);
    for (let turn = Math.min(pieces, PIECES_A_TICK); turn > 0; turn--) {
      if (this.#nextPiece >= pieces) this.#nextPiece = 0;
      this.#look(this.#nextPiece++, now);
    }
  }

  /** Exact counts, and the rates at this moment; what a young slot has no past for is made up. */
  read(slot: number, now: number): MeterReading {
    const { lastSeen } = this.#count(slot);
    const since = this.#since[slot]!;
    const lookedAt = Math.max(this.#lookedAt[Math.floor(slot / PIECE)]!, since);
    const elapsed = (now - lookedAt) / SECOND;
    const rates = (time: typeof MINUTE | typeof TEN_MINUTES): Rates => {
      const by = decay(elapsed, time);
      const { admitted, rejected } = this.#usage;
      // After a tenth of its time an average has grown to a tenth of what it will be.
      const age = Math.max((now - since) / SECOND, 1);
      const grown = -Math.expm1(-age / time);
      return {
        admitted_per_sec: this.#admitted.perSecond(slot, admitted, time, by) / grown,
        rejected_per_sec: this.#rejected.perSecond(slot, rejected, time, by) / grown,
      };
    };
    return {
      admitted: this.total(slot, "admitted"),
      rejected: this.total(slot, "rejected"),
      since,
      lastSeen,
      minute: rates(MINUTE),
      tenMinutes: rates(TEN_MINUTES),
    };
  }

  /** Requests since the slot was opened. */
  total(slot: number, kind: "admitted" | "rejected"): number {
    const tally = kind === "admitted" ? this.#admitted : this.#rejected;
    return tally.total(slot, this.#count(slot)[kind]);
  }

  #look(piece: number, now: number): void {
    const end = Math.min((piece + 1) * PIECE, this.#table.slots);
    const elapsed = (now - this.#lookedAt[piece]!) / SECOND;
    this.#lookedAt[piece] = now;
    // Once for the whole piece: an exponential for each rate would cost more than all the rest.
    const minute = decay(elapsed, MINUTE);
    const tenMinutes = decay(elapsed, TEN_MINUTES);
    for (let slot = piece * PIECE; slot < end; slot++) {
      const { admitted, rejected } = this.#count(slot);
      this.#admitted.update(slot, admitted, minute, tenMinutes);
      this.#rejected.update(slot, rejected, minute, tenMinutes);
    }
  }

  #count(slot: number): ClientUsage {
    this.#table.usage(slot, this.#usage);
    return this.#usage;
  }
}
