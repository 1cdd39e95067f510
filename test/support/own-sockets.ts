// Both kinds of sockets that the HTTP layer runs on: those of Bun, and those that a thread moves by itself.

import { Adoption, descriptorOf } from "../../src/data/sockets/adoption.ts";
import { DescriptorTable } from "../../src/shared/descriptor-table.ts";
import { prepareSocketLoop } from "../../src/data/sockets/loop.ts";

const anchor = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
/** Of this thread. */
export const ownSockets = new Adoption();
const open = new DescriptorTable(DescriptorTable.reserve({ workers: 1 }), 0);
ownSockets.loop = prepareSocketLoop()(descriptorOf(anchor), open);
anchor.stop();
// Where they are missing the tests would run twice over the same.
if (ownSockets.loop === null) throw new Error("no sockets of our own on this machine");

export const SOCKETS: readonly [string, Adoption | undefined][] = [
  ["Bun's sockets", undefined],
  ["own sockets", ownSockets],
];
