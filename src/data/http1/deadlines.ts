// The deadlines of one worker's connections, in a wheel of coarse ticks. Moving a deadline further out,
// which every request does, is one store: an entry stays in its slot and is looked at again when
// the slot comes up. The worker's root calls `tick` about once a tick; nothing here reads a clock.
// Always holds: an entry's slot comes up no later than it is due, unless it is due never.

import { dateDue } from "./date.ts";

/** Milliseconds: how often `tick` should be called. */
export const TICK_MS = 100;
/** Milliseconds between two calls after which the worker itself has stood still. */
export const STOOD_STILL_MS = 1000;
const SLOTS = 1024;

export interface DeadlineOwner {
  /** The deadline passed. It is not set any more. */
  onDeadline(now: number): void;
}

export class Deadline {
  /** Milliseconds of the wheel's clock; Infinity while not set. */
  due = Infinity;
  /** The tick whose slot holds this; -1 while in none. */
  tick = -1;
  before: Deadline = this;
  after: Deadline = this;
  readonly owner: DeadlineOwner | null;

  constructor(owner: DeadlineOwner | null) {
    this.owner = owner;
  }
}

export class DeadlineWheel {
  /** Milliseconds at the last `advance`; by `tick`, without those in which the worker stood still. */
  now: number;
  #tick: number;
  /** The caller's clock at the last `tick`, and how much of it does not count. */
  #called: number;
  #stoodStill = 0;
  /** Heads of circular lists. */
  readonly #slots = Array.from({ length: SLOTS }, () => new Deadline(null));

  constructor(now: number) {
    this.now = now;
    this.#called = now;
    this.#tick = Math.floor(now / TICK_MS);
  }

  /**
   * `advance`, as a timer calls it. While the whole worker stood still (a paused container or machine)
   * nobody could be heard: that time is nobody's delay, and what arrived in it is still to be read.
   */
  tick(now: number): void {
    const passed = now - this.#called;
    this.#called = now;
    if (passed > STOOD_STILL_MS) this.#stoodStill += passed - TICK_MS;
    this.advance(now - this.#stoodStill);
  }

  /** Calls the owner within a tick after `delayMs`. */
  set(deadline: Deadline, delayMs: number): void {
    deadline.due = this.now + delayMs;
    const tick = this.#tickOf(deadline.due);
    if (deadline.tick >= 0 && deadline.tick <= tick) return;
    unlink(deadline);
    this.#link(deadline, tick);
  }

  /** Not due any more; stays in its slot, so that setting it again costs nothing. */
  clear(deadline: Deadline): void {
    deadline.due = Infinity;
  }

  /** Not due any more and forgotten, so that the owner can be collected. */
  remove(deadline: Deadline): void {
    deadline.due = Infinity;
    unlink(deadline);
  }

  /** Calls the owner of every deadline up to `now` (milliseconds, never going back). */
  advance(now: number): void {
    dateDue();
    this.now = Math.max(this.now, now);
    const last = Math.floor(this.now / TICK_MS);
    // Having slept for more than a turn, every slot once is enough.
    for (let tick = Math.max(this.#tick + 1, last - SLOTS + 1); tick <= last; tick++) {
      this.#tick = tick;
      this.#visit(this.#slots[tick % SLOTS]!);
    }
  }

  #visit(slot: Deadline): void {
    while (slot.after !== slot) {
      const deadline = slot.after;
      unlink(deadline);
      if (deadline.due > this.now) {
        if (deadline.due !== Infinity) this.#link(deadline, this.#tickOf(deadline.due));
        continue;
      }
      deadline.due = Infinity;
      deadline.owner!.onDeadline(this.now);
    }
  }

  #tickOf(due: number): number {
    const tick = Math.ceil(due / TICK_MS);
    return Math.min(Math.max(tick, this.#tick + 1), this.#tick + SLOTS - 1);
  }

  #link(deadline: Deadline, tick: number): void {
    const slot = this.#slots[tick % SLOTS]!;
    deadline.tick = tick;
    deadline.before = slot.before;
    deadline.after = slot;
    slot.before.after = deadline;
    slot.before = deadline;
  }
}

function unlink(deadline: Deadline): void {
  deadline.before.after = deadline.after;
  deadline.after.before = deadline.before;
  deadline.before = deadline.after = deadline;
  deadline.tick = -1;
}
