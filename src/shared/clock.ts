// The one clock of the process: nanoseconds since the main thread started, monotonic, so stepping
// the system's time moves no bucket. Bun starts `Bun.nanoseconds()` at 0 in every thread, so a
// worker measures once, when it starts, how far its own count lies behind the main thread's.
// Nobody writes anything here; both roots make their clock once and pass readings (or the clock) on.
// Readings are whole numbers, because the limiters turn them into 64-bit integers.

/** Nanoseconds since the main thread started; whole, never steps back. About 50 ns a reading. */
export type Clock = () => number;

/** A worker's question; `ping` numbers it. */
export interface ClockPing {
  readonly ping: number;
}

/** The main thread's answer: which question, and what the main clock showed. */
export interface ClockPong {
  readonly ping: number;
  readonly now: number;
}

export interface Calibration {
  /** Add to the worker's own count to get the main thread's. Whole nanoseconds. */
  readonly offset: number;
  /** The offset is wrong by no more than this: half the shortest round trip, in nanoseconds. */
  readonly uncertainty: number;
}

/** Pings of one calibration at most; the shortest round trip among them counts. */
const ROUNDS = 16;
/** Nanoseconds: nobody waits for another ping to be less uncertain than this. */
const CERTAIN = 20_000;

// performance.now() costs the same but counts in fractions of milliseconds, which would have to be
// multiplied and rounded at every reading.
const ownCount: Clock = Bun.nanoseconds;

/** The clock of the main thread. */
export function mainClock(): Clock {
  return ownCount;
}

export interface WorkerClock {
  readonly clock: Clock;
  /** How far this thread's count lies behind the main thread's; see `calibrate`. */
  set(offset: number): void;
}

/** The clock of a worker, to be passed on before it is set; read only afterwards. */
export function workerClock(): WorkerClock {
  let ahead = 0;
  return {
    clock: () => ownCount() + ahead,
    set(offset) {
      ahead = Math.round(offset);
    },
  };
}

/** Main thread's end: answer at once, before any other work of the message handler. */
export function answerClockPing(ping: ClockPing, clock: Clock = ownCount): ClockPong {
  return { ping: ping.ping, now: clock() };
}

/**
 * Worker's end. `ask` posts the ping and settles with the pong that carries the same number. The
 * main clock was read somewhere inside the round trip; taking its middle is wrong by at most half
 * of it, so the shortest trip is the best witness (Cristian, "Probabilistic clock synchronization",
 * 1989). Rejects only when `ask` does.
 */
export async function calibrate(
  ask: (ping: ClockPing) => Promise<ClockPong>,
  count: Clock = ownCount,
): Promise<Calibration> {
  let best = { offset: 0, uncertainty: Infinity };
  for (let round = 0; round < ROUNDS; round++) {
    const sent = count();
    const pong = await ask({ ping: round });
    const uncertainty = (count() - sent) / 2;
    if (uncertainty >= best.uncertainty) continue;
    best = { offset: Math.round(pong.now - sent - uncertainty), uncertainty };
    if (uncertainty <= CERTAIN) break;
  }
  return best;
}
