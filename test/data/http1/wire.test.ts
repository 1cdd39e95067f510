import { afterEach, expect, test } from "bun:test";
import { type RawSocket, Wire } from "../../../src/data/http1/wire.ts";

const opened: (() => void)[] = [];
afterEach(() => {
  for (const close of opened.splice(0).toReversed()) close();
});

interface Ends {
  readonly wire: Wire;
  readonly peer: Bun.Socket<undefined>;
  readonly received: () => Buffer;
  /** Resolves when nothing waits to be written. */
  readonly drained: Promise<void>;
}

async function connected(): Promise<Ends> {
  const accepted = Promise.withResolvers<RawSocket>();
  const drained = Promise.withResolvers<void>();
  let wire: Wire | null = null;
  const pieces: Buffer[] = [];
  const listener = Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: {
      open: (socket) => accepted.resolve(socket),
      data() {},
      drain: () => void (wire?.drained() && drained.resolve()),
    },
  });
  const peer = await Bun.connect<undefined>({
    hostname: "127.0.0.1",
    port: listener.port,
    socket: { binaryType: "buffer", data: (_, bytes) => void pieces.push(bytes) },
  });
  opened.push(() => {
    peer.terminate();
    listener.stop(true);
  });
  wire = new Wire(await accepted.promise);
  return { wire, peer, received: () => Buffer.concat(pieces), drained: drained.promise };
}

/** More than the kernel takes from a peer that does not read. */
const MUCH = 32 << 20;

test("released bytes are freed at once when they have been written", async () => {
  const { wire } = await connected();
  const bytes = Buffer.alloc(20_000, "a");
  expect(wire.write(bytes, 0, bytes.length, false)).toBe(true);
  wire.release(bytes);
  expect(bytes.buffer.byteLength).toBe(0);
});

test("what waits of them is written first", async () => {
  const { wire, peer, received, drained } = await connected();
  peer.pause();
  const [first, second] = [Buffer.alloc(MUCH, "a"), Buffer.alloc(20_000, "b")];
  expect(wire.write(first, 0, first.length, false)).toBe(false);
  wire.release(first);
  wire.write(second, 0, 10_000, false);
  wire.write(second, 15_000, 20_000, false);
  wire.release(second);
  expect([first.length, second.length]).toEqual([MUCH, 20_000]);
  peer.resume();
  await drained;
  expect([first.length, second.length]).toEqual([0, 0]);
  wire.shutdown();
  while (received().length < MUCH + 15_000) await Bun.sleep(1);
  expect(received().subarray(-15_001).toString()).toBe(`a${"b".repeat(15_000)}`);
});

test("those of a connection that is closed are freed, too", async () => {
  const { wire, peer } = await connected();
  peer.pause();
  const bytes = Buffer.alloc(MUCH);
  wire.write(bytes, 0, bytes.length, false);
  wire.release(bytes);
  expect(bytes.length).toBe(MUCH);
  wire.destroy();
  expect(bytes.length).toBe(0);
});

test("a connection that is finished is closed when what waits has been written", async () => {
  const { wire, peer, received } = await connected();
  peer.pause();
  wire.write(Buffer.alloc(MUCH, "a"), 0, MUCH, false);
  wire.finish();
  expect(wire.closed).toBe(false);
  peer.resume();
  while (!wire.closed) await Bun.sleep(1);
  while (received().length < MUCH) await Bun.sleep(1);
});
