// A TCP relay in front of a server, with two faults for a test to choose. It can lose answers: what
// the client sends still arrives and acts, but the connection breaks instead of the answer. And it
// can forget connections as a firewall does: they stay open, and nothing passes any more.

import type { Socket, TCPSocketListener } from "bun";

interface Side {
  peer: Socket<Side> | null;
  waiting: Uint8Array[];
  /** Which life of the relay it was opened in. */
  readonly era: number;
}

export class FaultyNetwork {
  /** Break a connection when the server answers on it. */
  loseAnswers = false;
  /** Answers lost so far. */
  lost = 0;
  #era = 0;
  readonly #listener: TCPSocketListener<Side>;

  constructor(target: { hostname: string; port: number }) {
    this.#listener = Bun.listen<Side>({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        open: (client) => {
          client.data = { peer: null, waiting: [], era: this.#era };
          void this.#connect(client, target);
        },
        data: (client, bytes) => {
          // The driver's messages are far smaller than a socket's buffer.
          if (client.data.era !== this.#era) return;
          if (client.data.peer) client.data.peer.write(bytes);
          else client.data.waiting.push(bytes.slice());
        },
        close: (client) => void client.data.peer?.end(),
      },
    });
  }

  get port(): number {
    return this.#listener.port;
  }

  /** Nothing passes any more on the connections that are open now. */
  forgetConnections(): void {
    this.#era++;
  }

  close(): void {
    this.#listener.stop(true);
  }

  async #connect(client: Socket<Side>, target: { hostname: string; port: number }): Promise<void> {
    await Bun.connect<Side>({
      ...target,
      socket: {
        open(server) {
          server.data = { peer: client, waiting: [], era: client.data.era };
          client.data.peer = server;
          for (const bytes of client.data.waiting.splice(0)) server.write(bytes);
        },
        data: (server, bytes) => {
          if (client.data.era !== this.#era) return;
          if (!this.loseAnswers) return void client.write(bytes);
          this.lost++;
          server.end();
          client.end();
        },
        close: () => void client.end(),
      },
    }).catch(() => client.end());
  }
}
