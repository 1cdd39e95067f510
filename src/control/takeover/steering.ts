// Takes new connections away from the listening sockets of the old process. Sockets that share a port
// (SO_REUSEPORT) each get a part of the connections, and what waits in the queue of one that closes
// is reset by the system. A classic BPF program on the group picks the socket instead: a few
// instructions that answer with its number, in order of the sockets' binding. Linux only; elsewhere,
// and where the system refuses, connections of the moment of closing may be reset. See socket(7).

import { dlopen, type Pointer, ptr } from "bun:ffi";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";

const SOL_SOCKET = 1;
const SO_ATTACH_REUSEPORT_CBPF = 51;
const SO_DETACH_REUSEPORT_BPF = 68;

/** Instructions of classic BPF, see linux/filter.h: code, jumps if true and false, operand. */
type Instruction = readonly [code: number, jt: number, jf: number, k: number];
const LOAD_WORD = 0x20;
const MODULO = 0x94;
const ADD = 0x04;
const RETURN_A = 0x16;
const RETURN_K = 0x06;
/** Loading from here gives a random number. */
const RANDOM = 0xfffff000 + 56;

const LIBRARIES = ["libc.so.6", "libc.musl-x86_64.so.1", "libc.musl-aarch64.so.1"];

type SetOption = (
  fd: number,
  level: number,
  option: number,
  value: Pointer,
  size: number,
) => number;

export class Steering {
  readonly #fd: number;
  readonly #setOption: SetOption;

  private constructor(fd: number, setOption: SetOption) {
    this.#fd = fd;
    this.#setOption = setOption;
  }

  /** Loads what is needed, so that `of` is quick: 0.1 s and more. */
  static prepare(): void {
    if (process.platform === "linux") systemCall ??= load();
  }

  /** Through a listening socket of this process on the port; null where that cannot be. */
  static of(port: number): Steering | null {
    Steering.prepare();
    if (!systemCall) return null;
    try {
      const fd = listeningSocket(port);
      return fd === null ? null : new Steering(fd, systemCall);
    } catch {
      return null;
    }
  }

  /** New connections go to the sockets `first` to `first + count - 1`. False: refused. */
  toRange(first: number, count: number): boolean {
    return this.#attach([
      [LOAD_WORD, 0, 0, RANDOM],
      [MODULO, 0, 0, count],
      [ADD, 0, 0, first],
      [RETURN_A, 0, 0, 0],
    ]);
  }

  /** New connections all go to one socket. */
  toOne(socket: number): boolean {
    return this.#attach([[RETURN_K, 0, 0, socket]]);
  }

  /** Back to the system's own choice. */
  end(): void {
    const unused = new Uint8Array(4);
    this.#setOption(this.#fd, SOL_SOCKET, SO_DETACH_REUSEPORT_BPF, ptr(unused), 4);
  }

  #attach(program: readonly Instruction[]): boolean {
    const code = new DataView(new ArrayBuffer(program.length * 8));
    program.forEach(([instruction, jt, jf, k], index) => {
      code.setUint16(index * 8, instruction, true);
      code.setUint8(index * 8 + 2, jt);
      code.setUint8(index * 8 + 3, jf);
      code.setUint32(index * 8 + 4, k, true);
    });
    // struct sock_fprog: u16 length, padding, pointer.
    const header = new DataView(new ArrayBuffer(16));
    header.setUint16(0, program.length, true);
    header.setBigUint64(8, BigInt(ptr(new Uint8Array(code.buffer))), true);
    const value = ptr(new Uint8Array(header.buffer));
    return this.#setOption(this.#fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, value, 16) === 0;
  }
}

let systemCall: SetOption | null = null;

function load(): SetOption | null {
  for (const library of LIBRARIES) {
    try {
      const { symbols } = dlopen(library, {
        setsockopt: { args: ["i32", "i32", "i32", "ptr", "u32"], returns: "i32" },
      });
      return (fd, level, option, value, size) => symbols.setsockopt(fd, level, option, value, size);
    } catch {
      // Another C library.
    }
  }
  return null;
}

/** A descriptor of this process that listens on the port. */
function listeningSocket(port: number): number | null {
  const sockets = new Set(["tcp", "tcp6"].flatMap((table) => listeningIn(table, port)));
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      const inode = /^socket:\[(\d+)\]$/.exec(readlinkSync(`/proc/self/fd/${name}`))?.[1];
      if (inode !== undefined && sockets.has(inode)) return Number(name);
    } catch {
      // Closed since the folder was read.
    }
  }
  return null;
}

/** Inodes of the sockets that listen on the port, of all processes; see proc_net_tcp in the kernel. */
function listeningIn(table: string, port: number): string[] {
  const LISTEN = "0A";
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let text: string;
  try {
    text = readFileSync(`/proc/self/net/${table}`, "utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .slice(1)
    .map((line) => line.trim().split(/\s+/))
    .filter((fields) => fields[3] === LISTEN && fields[1]?.endsWith(suffix))
    .map((fields) => fields[9]!);
}
