// The smallest proxy that the HTTP/1.1 server and client make together: round robin over backends, no
// limits, no logs. Started by http1.ts; prints its port.

import { DeadlineWheel } from "../../src/data/http1/deadlines.ts";
import type { Exchange } from "../../src/data/http1/exchange.ts";
import { Relay, type RelayPolicy } from "../../src/data/http1/relay.ts";
import { listenHttp } from "../../src/data/http1/server.ts";
import { UpstreamPool } from "../../src/data/http1/upstream-pool.ts";

const deadlines = new DeadlineWheel(performance.now());
setInterval(() => deadlines.advance(performance.now()), 100);

const pools = process.argv
  .slice(2)
  .map((port) => new UpstreamPool({ hostname: "127.0.0.1", port: Number(port), deadlines }));
let turn = 0;
const next = (): UpstreamPool => pools[turn++ % pools.length]!;

const policy: RelayPolicy = {
  requestDrops: 0,
  answerDrops: 0,
  maxBody: Infinity,
  requestFields: () => {},
  answerFields: () => {},
  onFailure: (relay, failure) => {
    if (failure === "stale" && relay.replayable) return relay.forward(next(), true);
    relay.exchange.begin(502, "Bad Gateway");
    relay.exchange.send(0, Buffer.alloc(0), 0, 0, true);
  },
  onBroken: () => {},
  onEnd: () => {},
};
const handler = (exchange: Exchange): void => new Relay(exchange, policy).forward(next());
console.log(listenHttp({ hostname: "127.0.0.1", port: 0, deadlines, handler }).port);
