// The event loop of one worker's own sockets, beside Bun's and turning with it: both are waited for
// together, because Bun's poller is one of the descriptors of this one. Bun makes and accepts
// connections (names, both families, TLS, errors); once established, a plain one can move here, where
// a read or write costs what the kernel takes for it, and nothing is allocated. Always holds: while a
// socket is here, Bun's loop gets its turn whenever it has something to do, at least every WAIT_MS.

import type { Socket } from "bun";
import { drainMicrotasks } from "bun:jsc";
import { descriptorOf } from "./adoption.ts";
import { EPOLLIN, type Kernel, openKernel, type Poller } from "./kernel.ts";
import { findPoller } from "./bun-poller.ts";
import { Outbox } from "./outbox.ts";
import { OwnSocket, type Surroundings } from "./own-socket.ts";

/** Events taken at a time. */
const MOST_EVENTS = 256;
/** Milliseconds: how late a timer of Bun's can be while nothing else happens. */
const WAIT_MS = 20;
/** Rounds of events, some 10 ms of a busy worker, until Bun's timers get their turn. */
const MOST_ROUNDS = 32;
/** Sockets that are read from one after the other, before what came is looked at. */
const AT_ONCE = 32;

/** Where is written down what is open; see `DescriptorTable`. */
export interface OpenDescriptors {
  add(descriptor: number): boolean;
  remove(descriptor: number): void;
}

export class SocketLoop {
  readonly #kernel: Kernel;
  readonly #poller: Poller;
  readonly #bun: number;
  readonly #open: OpenDescriptors;
  readonly #around: Surroundings;
  readonly #outbox: Outbox;
  /** Those of a round, and what the poller says of each. */
  readonly #ready: OwnSocket[] = [];
  /** Those of a round that clients have sent something to. */
  readonly #asked: OwnSocket[] = [];
  readonly #events = new Uint32Array(AT_ONCE);
  /** By descriptor. */
  readonly #sockets: (OwnSocket | undefined)[] = [];
  #count = 0;
  #turning = false;
  /** Bun's loop has had a turn of its own since anything happened. */
  #settled = false;
  readonly #turn = (): void => this.#go();

  constructor(kernel: Kernel, poller: Poller, bun: number, open: OpenDescriptors) {
    this.#kernel = kernel;
    this.#poller = poller;
    this.#bun = bun;
    this.#open = open;
    this.#outbox = new Outbox(kernel);
    this.#around = { kernel, poller, outbox: this.#outbox, closed: (fd) => this.#forget(fd) };
  }

  /**
   * Moves an established plain connection here; Bun's socket is closed, which the other side does not
   * see. Null: there are no descriptors left, and it stays. `kept`: what is read is kept for a while.
   * To be called from Bun's events only.
   */
  adopt(socket: Socket<unknown>, kept: boolean): OwnSocket | null {
    const fd = this.#kernel.duplicate(descriptorOf(socket));
    if (fd < 0) return null;
    const { remoteAddress } = socket;
    if (!this.#watch(fd)) {
      this.#kernel.close(fd);
      return null;
    }
    socket.close();
    const own = new OwnSocket(fd, remoteAddress, kept, this.#around);
    this.#sockets[fd] = own;
    this.#count++;
    if (!this.#turning) {
      this.#turning = true;
      setImmediate(this.#turn);
    }
    return own;
  }

  /** False: there is no room for one more. */
  #watch(fd: number): boolean {
    if (!this.#open.add(fd)) return false;
    if (this.#poller.add(fd, EPOLLIN)) return true;
    this.#open.remove(fd);
    return false;
  }

  #forget(fd: number): void {
    this.#open.remove(fd);
    this.#sockets[fd] = undefined;
    this.#count--;
  }

  #go(): void {
    if (this.#count === 0) {
      this.#turning = false;
      return;
    }
    setImmediate(this.#turn);
    let count = this.#poller.wait(0);
    if (count <= 0) {
      // What Bun's events have left to do (immediates, callbacks) comes before waiting.
      this.#settled = !this.#settled;
      if (this.#settled) return;
      count = this.#poller.wait(WAIT_MS);
    }
    for (let round = 0; count > 0; round++) {
      const bunsTurn = this.#handle(count);
      drainMicrotasks();
      if (bunsTurn || round === MOST_ROUNDS || this.#count === 0) return;
      count = this.#poller.wait(WAIT_MS);
    }
  }

  /** True: Bun's loop has something to do. */
  #handle(count: number): boolean {
    let bunsTurn = false;
    this.#settled = false;
    this.#hearUnasked(count);
    for (let from = 0; from < count; from += AT_ONCE) {
      if (this.#collect(from, Math.min(count, from + AT_ONCE))) bunsTurn = true;
      this.#outbox.open = true;
      this.#handOut();
      this.#outbox.flushAll();
    }
    return bunsTurn;
  }

  /**
   * Nobody waits for what these have to say. It comes before any request of the round, which could
   * otherwise go out on one of them and find it as its answer.
   */
  #hearUnasked(count: number): void {
    const poller = this.#poller;
    for (let i = 0; i < count; i++) {
      const socket = this.#sockets[poller.fd(i)];
      if (socket !== undefined && !socket.kept && socket.unasked) socket.ready(poller.events(i));
    }
  }

  /** Reads from those that have something to read. */
  #collect(from: number, to: number): boolean {
    const poller = this.#poller;
    const ready = this.#ready;
    let bunsTurn = false;
    for (let i = from; i < to; i++) {
      const fd = poller.fd(i);
      if (fd === this.#bun) {
        bunsTurn = true;
        continue;
      }
      // None is added in the middle of a round, so a closed one's number cannot be another's.
      const socket = this.#sockets[fd];
      if (socket === undefined) continue;
      const events = poller.events(i);
      // What is out of the ordinary takes its turn as a whole.
      const plain = events === EPOLLIN && socket.reads;
      if (plain) socket.fetch();
      if (plain && socket.kept) {
        this.#asked.push(socket);
        continue;
      }
      this.#events[ready.length] = plain ? 0 : events;
      ready.push(socket);
    }
    return bunsTurn;
  }

  /** Requests first and then answers, each kind in one piece. */
  #handOut(): void {
    const asked = this.#asked;
    const ready = this.#ready;
    for (let i = 0; i < asked.length; i++) asked[i]!.deliver(EPOLLIN);
    asked.length = 0;
    for (let i = 0; i < ready.length; i++) {
      const events = this.#events[i]!;
      if (events === 0) ready[i]!.deliver(EPOLLIN);
      else ready[i]!.ready(events);
    }
    ready.length = 0;
  }
}

/** `known`: a descriptor that Bun's loop of this thread watches. Null: there can be none here. */
export type OpenSocketLoop = (known: number, open: OpenDescriptors) => SocketLoop | null;

/** What can be done before there is anything that Bun's loop watches. */
export function prepareSocketLoop(): OpenSocketLoop {
  const kernel = openKernel();
  return (known, open) => (kernel === null ? null : openSocketLoop(kernel, known, open));
}

function openSocketLoop(kernel: Kernel, known: number, open: OpenDescriptors): SocketLoop | null {
  const bun = findPoller(known);
  if (bun < 0) return null;
  const poller = kernel.poller(MOST_EVENTS);
  if (poller === null) return null;
  if (poller.add(bun, EPOLLIN) && open.add(poller.descriptor))
    return new SocketLoop(kernel, poller, bun, open);
  poller.close();
  return null;
}
