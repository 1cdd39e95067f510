// Where established connections go that this worker can move by itself; until there is a loop for them,
// and where there can be none, they stay with Bun. One a worker, filled by its root.

import type { Socket } from "bun";
import type { SocketLoop } from "./loop.ts";
import type { OwnSocket } from "./own-socket.ts";

/** The descriptor of a socket or listener of Bun's; -1 when Bun does not tell, which its types do not. */
export function descriptorOf(socket: object): number {
  return "fd" in socket && typeof socket.fd === "number" ? socket.fd : -1;
}

export class Adoption {
  loop: SocketLoop | null = null;

  /** Null: it stays. See `SocketLoop.adopt`. */
  adopt(socket: Socket<unknown>, kept: boolean): OwnSocket | null {
    return this.loop === null ? null : this.loop.adopt(socket, kept);
  }
}
