// Keeps the data-plane threads alive: starts one per row, replaces one that dies, and drains all of
// them at the end. It owns no table; what a dead worker left behind is cleaned up through
// `onDeath` before its replacement starts, so a row is never written by two threads.

import type { FromWorker, HandoverTarget, ToWorker } from "../shared/messages.ts";
import type { Logger } from "../shared/log.ts";
import { EXIT, StartError } from "../shared/start-error.ts";

/** A replacement that dies young is started again after 100 ms, 200 ms, … at most 5 s. */
const FIRST_BACKOFF_MS = 100;
const LAST_BACKOFF_MS = 5_000;
/** A worker that lived this long starts the backoff anew. */
const STABLE_AFTER_MS = 10_000;

export interface SupervisorOptions {
  readonly workers: number;
  /** Creates the thread. Must be called from the folder of the entry point (see `main.ts`). */
  readonly spawn: () => Worker;
  readonly startMessage: (worker: number) => ToWorker;
  /** Messages the supervisor does not handle itself. */
  readonly onMessage: (message: FromWorker, reply: (message: ToWorker) => void) => void;
  /** A worker is gone: clear what it held (in-flight counts, table locks). */
  readonly onDeath: (worker: number) => void;
  /** How many have a thread now, and how many of them listen. */
  readonly onCount: (running: number, listening: number) => void;
  readonly log: Logger;
}

type Phase =
  "starting" | "loaded" | "listening" | "held" | "left-port" | "empty" | "drained" | "dead";

export interface ListenOptions {
  readonly host: string;
  readonly port: number;
  /** Listening sockets of all workers together; at least one each. */
  readonly listeners?: number;
  readonly handoverSecret?: string | undefined;
}

interface Seat {
  readonly row: number;
  thread: Worker;
  phase: Phase;
  startedAt: number;
  deaths: number;
  /** Its thread listens, whatever else it does. */
  bound: boolean;
  handoverPort: number;
  /** Why the thread ends, for the line about its death. */
  cause: string;
}

export class Supervisor {
  readonly #options: SupervisorOptions;
  readonly #seats: Seat[] = [];
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();
  #address: ListenOptions | null = null;
  #draining = false;
  /** Between `hold` and `release`: a worker that dies is not replaced. */
  #holding = false;
  /** Every worker listens: one that cannot from now on is a worker that died. */
  #started = false;
  #waiting: (() => void)[] = [];
  #failure: string | null = null;

  constructor(options: SupervisorOptions) {
    this.#options = options;
  }

  /** Starts every thread; they load their code while the caller restores state. */
  start(): void {
    for (let row = 0; row < this.#options.workers; row++) {
      const seat: Seat = {
        row,
        thread: null!,
        phase: "dead",
        startedAt: 0,
        deaths: 0,
        bound: false,
        handoverPort: 0,
        cause: "",
      };
      this.#seats.push(seat);
      this.#spawn(seat);
    }
  }

  /** Resolves when every worker could listen at once. */
  async loaded(): Promise<void> {
    await this.#until(() => this.#seats.every((seat) => seat.phase === "loaded"));
  }

  /** Has every worker bind the port; resolves when all listen, rejects when one cannot. */
  async listen(address: ListenOptions): Promise<void> {
    this.#address = address;
    for (const seat of this.#seats) if (seat.phase === "loaded") this.#listen(seat);
    await this.#until(() => this.#seats.every((seat) => seat.phase === "listening"));
    this.#started = true;
  }

  /** Listening sockets on the port, of all workers. */
  get listeners(): number {
    return Math.max(this.#seats.length, this.#address?.listeners ?? 0);
  }

  /** Where connections can be passed on to, a port a worker. */
  get handoverPorts(): number[] {
    return this.#seats.map((seat) => seat.handoverPort).filter((port) => port > 0);
  }

  /** Resolves when no worker begins a request any more, so no token is taken. */
  async hold(): Promise<void> {
    this.#holding = true;
    this.#toAll({ type: "hold" });
    await this.#reached("held");
  }

  /** Ends `hold`. */
  release(): void {
    this.#holding = false;
    for (const seat of this.#seats) {
      // A takeover may fail in the middle of a drain, which replaces nobody.
      if (seat.phase === "dead" && !this.#draining) this.#spawn(seat);
      if (seat.phase !== "held") continue;
      seat.phase = seat.bound ? "listening" : "loaded";
      if (!seat.bound) this.#listen(seat);
    }
    this.#count();
    this.#toAll({ type: "release" });
  }

  /** After `hold`: every connection goes to the process that takes over. */
  handOver(target: HandoverTarget): void {
    this.#toAll({ type: "hand-over", target });
  }

  /** Resolves when nobody listens any more; what is open stays open. */
  async leavePort(): Promise<void> {
    this.#toAll({ type: "leave-port" });
    await this.#reached("left-port", "empty");
  }

  /** After `leavePort`: resolves true when no connection is left, false after `timeoutMs`. */
  async empty(timeoutMs: number): Promise<boolean> {
    const empty = this.#reached("empty").then(() => true);
    return await Promise.race([empty, Bun.sleep(timeoutMs).then(() => false)]);
  }

  /** Lets requests in flight finish; resolves true, or false when `timeoutMs` passed first. */
  async drain(timeoutMs: number): Promise<boolean> {
    this.#draining = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const seat of this.#seats) if (seat.phase !== "dead") post(seat, { type: "drain" });
    const drained = this.#until(() =>
      this.#seats.every((seat) => seat.phase === "drained" || seat.phase === "dead"),
    ).then(() => true);
    return await Promise.race([drained, Bun.sleep(timeoutMs).then(() => false)]);
  }

  /** Ends the threads without waiting for anything. */
  terminate(): void {
    this.#draining = true;
    for (const seat of this.#seats) if (seat.phase !== "dead") seat.thread.terminate();
  }

  #spawn(seat: Seat): void {
    const thread = this.#options.spawn();
    seat.thread = thread;
    seat.phase = "starting";
    seat.bound = false;
    seat.startedAt = performance.now();
    seat.cause = "ended without an error";
    thread.addEventListener("error", (event) => {
      // Kept off the runtime's own report: the log line below is the one report of this death.
      event.preventDefault();
      seat.cause = firstMeaningfulLine(event.message);
    });
    thread.addEventListener("close", () => this.#died(seat));
    // To the thread that asked: its replacement counts its own calls, from the same number on.
    const reply = (message: ToWorker): void => thread.postMessage(message);
    thread.addEventListener("message", (event: MessageEvent<FromWorker>) => {
      this.#heard(seat, event.data, reply);
    });
    post(seat, this.#options.startMessage(seat.row));
    this.#count();
  }

  #heard(seat: Seat, message: FromWorker, reply: (message: ToWorker) => void): void {
    switch (message.type) {
      case "loaded":
        // It has been told to drain, and has nothing to drain.
        if (this.#draining) return;
        seat.phase = this.#holding ? "held" : "loaded";
        if (this.#address && !this.#holding) this.#listen(seat);
        break;
      case "listening":
        seat.phase = "listening";
        seat.bound = true;
        seat.handoverPort = message.handoverPort ?? 0;
        this.#count();
        break;
      case "held":
        // One that is not loaded yet is held when it is; one that was too slow has been released.
        if (this.#holding && seat.phase !== "starting") reach(seat, "held");
        break;
      case "left-port":
      case "empty":
      case "drained":
        reach(seat, message.type);
        break;
      case "failed":
        if (this.#started) {
          seat.cause = `cannot listen: ${message.message}`;
          seat.thread.terminate();
          return;
        }
        this.#failure = message.message;
        break;
      default:
        this.#options.onMessage(message, reply);
        return;
    }
    this.#wake();
  }

  #died(seat: Seat): void {
    const lived = performance.now() - seat.startedAt;
    seat.phase = "dead";
    this.#options.onDeath(seat.row);
    this.#count();
    this.#wake();
    if (this.#draining || this.#holding) return;
    seat.deaths = lived > STABLE_AFTER_MS ? 1 : seat.deaths + 1;
    const delay = Math.min(FIRST_BACKOFF_MS * 2 ** (seat.deaths - 1), LAST_BACKOFF_MS);
    this.#options.log.error("worker died, replacing it", {
      worker: seat.row,
      cause: seat.cause,
      lived_ms: Math.round(lived),
      restart_in_ms: seat.deaths === 1 ? 0 : delay,
    });
    // The first replacement is immediate: a single crash should cost no capacity.
    if (seat.deaths === 1) return this.#spawn(seat);
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      // A hold replaces nobody, and its end may have replaced this one.
      if (seat.phase === "dead" && !this.#holding) this.#spawn(seat);
    }, delay);
    this.#timers.add(timer);
  }

  #listen(seat: Seat): void {
    if (!this.#address) return;
    const { host, port, handoverSecret } = this.#address;
    const workers = this.#seats.length;
    const listeners = Math.floor((this.listeners + workers - 1 - seat.row) / workers);
    post(seat, { type: "listen", host, port, listeners, handoverSecret });
  }

  #count(): void {
    const running = this.#seats.filter((seat) => seat.phase !== "dead").length;
    const listening = this.#seats.filter((seat) => seat.phase === "listening").length;
    this.#options.onCount(running, listening);
  }

  #toAll(message: ToWorker): void {
    for (const seat of this.#seats) if (seat.phase !== "dead") post(seat, message);
  }

  async #reached(...phases: readonly Phase[]): Promise<void> {
    await this.#until(() =>
      this.#seats.every(
        ({ phase }) => phase === "dead" || phase === "drained" || phases.includes(phase),
      ),
    );
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const check of waiting) check();
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const check = (): void => {
        if (this.#failure !== null && !this.#draining)
          reject(new StartError(EXIT.unavailable, `a worker cannot listen: ${this.#failure}`));
        else if (condition()) resolve();
        else this.#waiting.push(check);
      };
      check();
    });
  }
}

/** A takeover in the middle of a drain asks for less than what is done already. */
function reach(seat: Seat, phase: Phase): void {
  if (seat.phase !== "drained") seat.phase = phase;
}

function post(seat: Seat, message: ToWorker): void {
  seat.thread.postMessage(message);
}

/** Bun's error events carry a source excerpt; the log wants the one line that names the error. */
function firstMeaningfulLine(report: string): string {
  const lines = report.split("\n").map((line) => line.trim());
  return (
    lines.find((line) => /^(\w*[Ee]rror|error)\b.*:/.test(line)) ?? lines[0] ?? "unknown error"
  );
}
