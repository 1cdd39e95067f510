// The calls of the C library that established sockets need, by Bun's foreign function interface: some
// 15 ns above the call itself, and nothing allocated. Linux only; elsewhere `openKernel` answers null.
// Always holds: no call here blocks but `epoll_wait`, and none can raise SIGPIPE.

import { dlopen, type Pointer, ptr } from "bun:ffi";

const LIBRARIES = [
  "libc.so.6",
  `libc.musl-${process.arch === "arm64" ? "aarch64" : "x86_64"}.so.1`,
];

export const EPOLLIN = 0x001;
export const EPOLLOUT = 0x004;
export const EPOLLERR = 0x008;
export const EPOLLHUP = 0x010;
const EPOLL_CLOEXEC = 0x80000;
const EPOLL_CTL_ADD = 1;
const EPOLL_CTL_DEL = 2;
const EPOLL_CTL_MOD = 3;
const F_DUPFD_CLOEXEC = 1030;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
const SO_LINGER = 13;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const SHUT_WR = 1;

const SYMBOLS = {
  recv: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  send: { args: ["i32", "ptr", "usize", "i32"], returns: "i32" },
  shutdown: { args: ["i32", "i32"], returns: "i32" },
  close: { args: ["i32"], returns: "i32" },
  fcntl: { args: ["i32", "i32", "i32"], returns: "i32" },
  setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
  getsockopt: { args: ["i32", "i32", "i32", "ptr", "ptr"], returns: "i32" },
  poll: { args: ["ptr", "usize", "i32"], returns: "i32" },
  epoll_create1: { args: ["i32"], returns: "i32" },
  epoll_ctl: { args: ["i32", "i32", "i32", "ptr"], returns: "i32" },
  epoll_wait: { args: ["i32", "ptr", "i32", "i32"], returns: "i32" },
} as const;

/** `struct epoll_event` is packed on x86-64 alone: 32-bit words of one, and where its data begins. */
const EVENT_WORDS = process.arch === "x64" ? 3 : 4;
const DATA_WORD = process.arch === "x64" ? 1 : 2;

/**
 * Memory that the kernel writes to. A small typed array without an `ArrayBuffer` of its own may be moved
 * by the engine, which the kernel would not learn.
 */
export function words(count: number): Int32Array<ArrayBuffer> {
  return new Int32Array(new ArrayBuffer(count * 4));
}

type Calls = ReturnType<typeof dlopen<typeof SYMBOLS>>["symbols"];

export class Kernel {
  readonly #calls: Calls;
  readonly #pair = words(2);
  readonly #size = words(1);

  constructor(calls: Calls) {
    this.#calls = calls;
  }

  /** Bytes read, 0 at the end of the stream, -1: none now, or an error that `epoll` tells of. */
  read(fd: number, into: Buffer, most: number): number {
    return this.#calls.recv(fd, into, most, MSG_DONTWAIT);
  }

  /** Bytes taken, or -1: no room now, or an error; `gone` tells which. */
  write(fd: number, bytes: Buffer, start: number, length: number): number {
    // The address of a part is the engine's to tell, and costs as much as the call.
    const from = start === 0 ? bytes : ptr(bytes, start);
    return this.#calls.send(fd, from, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** Where the first byte is, for `writeAt`. */
  address(bytes: Buffer): number {
    return ptr(bytes);
  }
  /** As `write`, from an address. */
  writeAt(fd: number, address: number, length: number): number {
    return this.#calls.send(fd, address as Pointer, length, MSG_DONTWAIT | MSG_NOSIGNAL);
  }

  /** Whether the connection is broken, without an error number: that could be another call's by now. */
  gone(fd: number): boolean {
    const asked = this.#pair;
    asked[0] = fd;
    asked[1] = 0;
    if (this.#calls.poll(ptr(asked), 1, 0) <= 0) return false;
    return ((asked[1] >>> 16) & (EPOLLERR | EPOLLHUP)) !== 0;
  }

  /** Number of the error that broke the connection; 0 for none. Asking takes it away. */
  error(fd: number): number {
    this.#size[0] = 4;
    this.#pair[0] = 0;
    this.#calls.getsockopt(fd, SOL_SOCKET, SO_ERROR, ptr(this.#pair), ptr(this.#size));
    return this.#pair[0];
  }

  /** Another descriptor of the same connection; -1 when there are no more. */
  duplicate(fd: number): number {
    return this.#calls.fcntl(fd, F_DUPFD_CLOEXEC, 0);
  }
  shutdown(fd: number): void {
    this.#calls.shutdown(fd, SHUT_WR);
  }
  close(fd: number): void {
    this.#calls.close(fd);
  }
  /** Closes by a reset. */
  abort(fd: number): void {
    this.#pair[0] = 1;
    this.#pair[1] = 0;
    this.#calls.setsockopt(fd, SOL_SOCKET, SO_LINGER, ptr(this.#pair), 8);
    this.#calls.close(fd);
  }

  /** Null: there are no descriptors left. */
  poller(most: number): Poller | null {
    const fd = this.#calls.epoll_create1(EPOLL_CLOEXEC);
    return fd < 0 ? null : new Poller(this.#calls, fd, most);
  }
}

/** What is ready among many descriptors. */
export class Poller {
  readonly descriptor: number;
  readonly #calls: Calls;
  readonly #most: number;
  readonly #ready: Int32Array<ArrayBuffer>;
  readonly #readyAt: ReturnType<typeof ptr>;
  readonly #event = words(EVENT_WORDS);
  readonly #eventAt = ptr(this.#event);

  constructor(calls: Calls, fd: number, most: number) {
    this.#calls = calls;
    this.descriptor = fd;
    this.#most = most;
    this.#ready = words(EVENT_WORDS * most);
    this.#readyAt = ptr(this.#ready);
  }

  /** How many are ready after at most `waitMs`; then `fd` and `events` tell of each. */
  wait(waitMs: number): number {
    return this.#calls.epoll_wait(this.descriptor, this.#readyAt, this.#most, waitMs);
  }
  fd(index: number): number {
    return this.#ready[index * EVENT_WORDS + DATA_WORD]!;
  }
  events(index: number): number {
    return this.#ready[index * EVENT_WORDS]!;
  }

  /** False: the kernel refuses. */
  add(fd: number, events: number): boolean {
    return this.#control(EPOLL_CTL_ADD, fd, events);
  }
  change(fd: number, events: number): void {
    this.#control(EPOLL_CTL_MOD, fd, events);
  }
  remove(fd: number): void {
    this.#control(EPOLL_CTL_DEL, fd, 0);
  }
  close(): void {
    this.#calls.close(this.descriptor);
  }

  #control(operation: number, fd: number, events: number): boolean {
    this.#event[0] = events;
    this.#event[DATA_WORD] = fd;
    return this.#calls.epoll_ctl(this.descriptor, operation, fd, this.#eventAt) === 0;
  }
}

/** Null where there is no Linux, or no C library under a name that is known. */
export function openKernel(): Kernel | null {
  if (process.platform !== "linux") return null;
  for (const library of LIBRARIES) {
    try {
      return new Kernel(dlopen(library, SYMBOLS).symbols);
    } catch {
      // The other one, or none.
    }
  }
  return null;
}
