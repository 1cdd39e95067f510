// How much each client used, and how fast: what the counters in its slot do not say by themselves.
// Owned by the main thread. It looks over the slots a piece at a time, all of them each second up to
// 131,072 clients, in 8 s with a million: so a rate costs a request nothing, and a client 44 bytes.
// A piece is made with the first client in it: all of them at once would be collected for at the start.

import type { ClientUsage } from "../../shared/bucket-table.ts";
import type { ClientTable } from "../../shared/client-table.ts";
import type { Clock } from "../../shared/clock.ts";
import type { Rates } from "../../shared/usage.ts";
import { decay, MINUTE, Tally, TEN_MINUTES } from "./tally.ts";

/** Slots. */
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
  readonly clock: Clock;
}

/** What is kept of the slots from a multiple of `PIECE` on. */
class Piece {
  /** ns: when each slot's counters began at zero. */
  readonly since = new Float64Array(PIECE);
  readonly admitted = new Tally(PIECE);
  readonly rejected = new Tally(PIECE);
  /** ns. */
  lookedAt: number;

  constructor(now: number) {
    this.lookedAt = now;
  }
}

export class UsageMeter {
  readonly #table: ClientTable;
  readonly #clock: Clock;
  readonly #pieces: Piece[] = [];
  readonly #usage: ClientUsage = { admitted: 0, rejected: 0, lastSeen: -1 };
  #nextPiece = 0;
  #timer: ReturnType<typeof setInterval> | null = null;

  constructor({ table, clock }: UsageMeterOptions) {
    this.#table = table;
    this.#clock = clock;
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
    const number = Math.floor(slot / PIECE);
    while (this.#pieces.length <= number) this.#pieces.push(new Piece(now));
    const { since, admitted, rejected } = this.#pieces[number]!;
    const at = slot % PIECE;
    since[at] = now;
    admitted.clear(at);
    rejected.clear(at);
  }

  /** Looks at the pieces whose turn it is. */
  tick(now: number): void {
    const pieces = this.#pieces.length;
    for (let turn = Math.min(pieces, PIECES_A_TICK); turn > 0; turn--) {
      if (this.#nextPiece >= pieces) this.#nextPiece = 0;
      this.#look(this.#nextPiece++, now);
    }
  }

  /** Exact counts, and the rates at this moment; what a young slot has no past for is made up. */
  read(slot: number, now: number): MeterReading {
    const piece = this.#pieceOf(slot);
    const at = slot % PIECE;
    const { lastSeen } = this.#count(slot);
    const since = piece.since[at]!;
    const elapsed = (now - Math.max(piece.lookedAt, since)) / SECOND;
    const rates = (time: typeof MINUTE | typeof TEN_MINUTES): Rates => {
      const by = decay(elapsed, time);
      const { admitted, rejected } = this.#usage;
      // After a tenth of its time an average has grown to a tenth of what it will be.
      const age = Math.max((now - since) / SECOND, 1);
      const grown = -Math.expm1(-age / time);
      return {
        admitted_per_sec: piece.admitted.perSecond(at, admitted, time, by) / grown,
        rejected_per_sec: piece.rejected.perSecond(at, rejected, time, by) / grown,
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
    return this.#pieceOf(slot)[kind].total(slot % PIECE, this.#count(slot)[kind]);
  }

  #look(number: number, now: number): void {
    const piece = this.#pieces[number]!;
    const first = number * PIECE;
    const slots = Math.min(PIECE, this.#table.slots - first);
    const elapsed = (now - piece.lookedAt) / SECOND;
    piece.lookedAt = now;
    // Once for the whole piece: an exponential for each rate would cost more than all the rest.
    const minute = decay(elapsed, MINUTE);
    const tenMinutes = decay(elapsed, TEN_MINUTES);
    for (let at = 0; at < slots; at++) {
      const { admitted, rejected } = this.#count(first + at);
      piece.admitted.update(at, admitted, minute, tenMinutes);
      piece.rejected.update(at, rejected, minute, tenMinutes);
    }
  }

  /** Of a slot that was opened. */
  #pieceOf(slot: number): Piece {
    return this.#pieces[Math.floor(slot / PIECE)]!;
  }

  #count(slot: number): ClientUsage {
    this.#table.usage(slot, this.#usage);
    return this.#usage;
  }
}
