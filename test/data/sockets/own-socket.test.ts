// What `Wire` relies on, shown on real connections: a socket that the thread moves by itself, with a
// peer of Bun's. Bytes are numbered, so that a lost, doubled or swapped one shows.

import { afterEach, describe, expect, test } from "bun:test";
import fc from "fast-check";
import { findPoller } from "../../../src/data/sockets/bun-poller.ts";
import { descriptorOf } from "../../../src/data/sockets/adoption.ts";
import type { OwnSocket, OwnSocketEvents } from "../../../src/data/sockets/own-socket.ts";
import { ownSockets } from "../../support/own-sockets.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0).toReversed()) close();
});

/** Notes what it is told, and answers in the middle of a round by `onBytes`. */
class Owner implements OwnSocketEvents {
  received = Buffer.alloc(0);
  drains = 0;
  ended = false;
  readonly closed = Promise.withResolvers<Error | undefined>();
  readonly end = Promise.withResolvers<void>();
  onBytes: (bytes: Buffer) => void = () => {};
  onRoom: () => void = () => {};

  onData(bytes: Buffer, end: number): void {
    const piece = Buffer.from(bytes.subarray(0, end));
    this.received = Buffer.concat([this.received, piece]);
    this.onBytes(piece);
  }
  onDrain(): void {
    this.drains++;
    this.onRoom();
  }
  onEnd(): void {
    this.ended = true;
    this.end.resolve();
  }
  onClose(error?: Error): void {
    this.closed.resolve(error);
  }
}

interface Ends {
  readonly own: OwnSocket;
  readonly owner: Owner;
  readonly peer: Bun.Socket<undefined>;
  readonly got: { bytes: Buffer[]; size: number };
  readonly peerEnded: Promise<void>;
  readonly peerClosed: Promise<void>;
  /** Resolves when the peer has so many bytes. */
  received(size: number): Promise<Buffer>;
}

async function connected(kept = true): Promise<Ends> {
  const owner = new Owner();
  const adopted = Promise.withResolvers<OwnSocket>();
  const ended = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<void>();
  const got = { bytes: [] as Buffer[], size: 0 };
  let wanted = { size: Infinity, resolve: (): void => {} };
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    allowHalfOpen: true,
    socket: {
      open: (socket) => adopted.resolve(ownSockets.adopt(socket, kept)!.listen(owner)),
      data() {},
    },
  });
  const peer = await Bun.connect<undefined>({
    hostname: "127.0.0.1",
    port: listener.port,
    allowHalfOpen: true,
    socket: {
      binaryType: "buffer",
      data(_, bytes) {
        got.bytes.push(Buffer.from(bytes));
        got.size += bytes.length;
        if (got.size >= wanted.size) wanted.resolve();
      },
      end: () => ended.resolve(),
      close: () => closed.resolve(),
      error: () => closed.resolve(),
    },
  });
  const own = await adopted.promise;
  opened.push(() => {
    own.terminate();
    peer.terminate();
    listener.stop(true);
  });
  return {
    own,
    owner,
    peer,
    got,
    peerEnded: ended.promise,
    peerClosed: closed.promise,
    async received(size) {
      const { promise, resolve } = Promise.withResolvers<void>();
      wanted = { size, resolve };
      if (got.size >= size) resolve();
      await promise;
      return Buffer.concat(got.bytes);
    },
  };
}

/** Bytes that tell their own place. */
function numbered(size: number, from = 0): Buffer {
  const bytes = Buffer.allocUnsafe(size);
  for (let i = 0; i < size; i++) bytes[i] = ((from + i) * 31 + ((from + i) >> 8)) & 0xff;
  return bytes;
}

/** Writes pieces of that size until one is not taken; how much was. */
function fill(own: OwnSocket, piece: number): number {
  let taken = 0;
  for (;;) {
    const count = own.write(numbered(piece, taken), 0, piece);
    expect(count).toBeGreaterThanOrEqual(0);
    taken += count;
    if (count < piece) return taken;
  }
}

describe("a write", () => {
  test.each([100, 16_384, 16_385, 200_000])(
    "in a round, of pieces of %d bytes until no more is taken: what was taken arrives, in order",
    async (piece) => {
      const { own, owner, peer, received } = await connected();
      peer.pause();
      const filled = Promise.withResolvers<number>();
      owner.onBytes = () => filled.resolve(fill(own, piece));
      peer.write("go");
      const taken = await filled.promise;
      const room = Promise.withResolvers<void>();
      owner.onRoom = room.resolve;
      peer.resume();
      expect((await received(taken)).equals(numbered(taken))).toBe(true);
      await room.promise;
      expect(own.write(numbered(10), 0, 10)).toBe(10);
    },
  );

  test.each(["end", "shutdown"] as const)(
    "before %s is sent whole, though the peer reads late",
    async (how) => {
      const { own, owner, peer, got, received, peerEnded } = await connected();
      peer.pause();
      const filled = Promise.withResolvers<number>();
      owner.onBytes = () => {
        const taken = fill(own, 5000);
        own[how]();
        filled.resolve(taken);
      };
      peer.write("go");
      const taken = await filled.promise;
      expect(own.write(numbered(1), 0, 1)).toBe(-1);
      peer.resume();
      expect((await received(taken)).equals(numbered(taken))).toBe(true);
      await peerEnded;
      expect(got.size).toBe(taken);
    },
  );

  test("of part of a buffer, in and out of a round, is that part", async () => {
    const { own, owner, peer, received } = await connected();
    const bytes = numbered(60_000);
    owner.onBytes = () => {
      own.write(bytes, 0, 10);
      own.write(bytes, 10, 90);
      own.write(bytes, 100, 19_900);
    };
    peer.write("go");
    await received(20_000);
    own.write(bytes, 20_000, 40_000);
    expect((await received(60_000)).equals(bytes)).toBe(true);
  });

  test("to a peer that is gone is told, and so is the end of the connection", async () => {
    const { own, owner, peer } = await connected();
    peer.terminate();
    const error = await owner.closed.promise;
    expect(error?.message).toBe("ECONNRESET");
    expect(own.write(numbered(1), 0, 1)).toBe(-1);
  });
});

describe("reading", () => {
  test.each([true, false])(
    "any mixture of sizes gives the same bytes, held back now and then (kept: %p)",
    async (kept) => {
      await fc.assert(
        fc.asyncProperty(
          fc.array(fc.integer({ min: 1, max: 150_000 }), { maxLength: 8 }),
          async (sizes) => {
            const { own, owner, peer } = await connected(kept);
            const total = sizes.reduce((sum, size) => sum + size, 0);
            const all = Promise.withResolvers<void>();
            if (total === 0) all.resolve();
            owner.onBytes = () => {
              if (owner.received.length >= total) return all.resolve();
              own.pause();
              setImmediate(() => own.resume());
            };
            let from = 0;
            for (const size of sizes) {
              let piece = numbered(size, from);
              from += size;
              while (piece.length > 0) {
                piece = piece.subarray(peer.write(piece));
                if (piece.length > 0) await Bun.sleep(1);
              }
            }
            peer.end();
            await all.promise;
            await owner.end.promise;
            expect(owner.received.equals(numbered(total))).toBe(true);
          },
        ),
        { numRuns: 15 },
      );
    },
  );

  test("stops while it is held back, the end included", async () => {
    const { own, owner, peer } = await connected();
    own.pause();
    peer.write("late");
    peer.end();
    await Bun.sleep(50);
    expect(owner.received.length).toBe(0);
    expect(owner.ended).toBe(false);
    own.resume();
    await owner.end.promise;
    expect(owner.received.toString()).toBe("late");
  });

  test.each([10, 100_000])(
    "of %d bytes that came before a reset goes on to their end, though a write found it first",
    async (size) => {
      const { own, owner, peer } = await connected();
      expect(peer.write(numbered(size))).toBe(size);
      peer.terminate();
      expect(own.write(numbered(1), 0, 1)).toBe(-1);
      expect(owner.received.length).toBe(0);
      expect(await owner.closed.promise).toBeInstanceOf(Error);
      expect(owner.received.equals(numbered(size))).toBe(true);
      expect(owner.ended).toBe(false);
    },
  );

  test("a reset that a write found is told while it is held back", async () => {
    const { own, owner, peer } = await connected();
    own.pause();
    peer.write("unread");
    peer.terminate();
    expect(own.write(numbered(1), 0, 1)).toBe(-1);
    expect(await owner.closed.promise).toBeInstanceOf(Error);
  });

  test("a reset is told while it is held back", async () => {
    const { own, owner, peer } = await connected();
    own.pause();
    peer.terminate();
    expect((await owner.closed.promise)?.message).toBe("ECONNRESET");
  });
});

describe("ends", () => {
  test("each direction ends by itself, and both ends close the connection", async () => {
    const { own, owner, peer, received, peerClosed } = await connected();
    peer.write("ask");
    peer.shutdown();
    await owner.end.promise;
    expect(owner.received.toString()).toBe("ask");
    own.write(Buffer.from("answer"), 0, 6);
    expect((await received(6)).toString()).toBe("answer");
    own.shutdown();
    await peerClosed;
    own.end();
    expect(await owner.closed.promise).toBeUndefined();
  });

  test("a peer that ends after us closes it without being asked", async () => {
    const { own, owner, peer, peerEnded } = await connected();
    own.shutdown();
    await peerEnded;
    peer.end();
    expect(await owner.closed.promise).toBeUndefined();
    expect(owner.ended).toBe(true);
  });

  test("terminate is a reset for the peer, and nothing is told afterwards", async () => {
    const { own, owner, peer, peerClosed } = await connected();
    peer.write("x");
    owner.onBytes = () => own.terminate();
    await peerClosed;
    await owner.closed.promise;
    own.resume();
    own.shutdown();
    own.end();
    expect(own.write(numbered(1), 0, 1)).toBe(-1);
    expect(owner.ended).toBe(false);
  });
});

describe("beside Bun's loop", () => {
  test("timers, promises and requests go on while a socket is never quiet", async () => {
    const { own, owner, peer } = await connected();
    owner.onBytes = (bytes) => void own.write(bytes, 0, bytes.length);
    let over = false;
    const echoing = Bun.connect({
      hostname: "127.0.0.1",
      port: (await echoServer()).port,
      socket: {
        binaryType: "buffer",
        open: (s) => void s.write("x"),
        data: (s, b) => void (over || s.write(b)),
      },
    });
    peer.write("x".repeat(1000));
    using web = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response("ok") });
    for (let round = 0; round < 5; round++) {
      const before = performance.now();
      await Bun.sleep(10);
      expect(performance.now() - before).toBeLessThan(500);
      expect(await (await fetch(web.url)).text()).toBe("ok");
      await Promise.resolve();
    }
    over = true;
    (await echoing).terminate();
  });

  test("promises made in a socket's event go on without waiting for Bun", async () => {
    const { owner, peer } = await connected();
    const order: string[] = [];
    const done = Promise.withResolvers<void>();
    owner.onBytes = () => {
      void Promise.resolve().then(() => order.push("promise"));
      setTimeout(() => {
        order.push("timer");
        done.resolve();
      }, 0);
    };
    peer.write("x");
    await done.promise;
    expect(order).toEqual(["promise", "timer"]);
  });

  test("the poller is the one that watches this thread's sockets", async () => {
    const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
    expect(findPoller(descriptorOf(listener))).toBeGreaterThan(2);
    listener.stop(true);
    expect(findPoller(1_000_000)).toBe(-1);
    expect(descriptorOf({})).toBe(-1);
  });
});

/** A server whose connections are moved by this thread. */
async function echoServer(): Promise<{ port: number }> {
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => {
        const own = ownSockets.adopt(socket, true)!;
        const owner = new Owner();
        owner.onData = (bytes, end) => void own.write(bytes, 0, end);
        own.listen(owner);
        opened.push(() => own.terminate());
      },
      data() {},
    },
  });
  opened.push(() => listener.stop(true));
  return { port: listener.port };
}
