// What is measured: each case is one kind of request, sent by every candidate's clients in turn.

export interface Case {
  readonly name: string;
  readonly title: string;
  /** Registered clients; the requests are spread over all of them. */
  readonly clients: number;
  readonly connections: number;
  readonly path?: string;
  /** Body of a POST, bytes. */
  readonly post?: number;
  /** Every request is over its client's limit. */
  readonly limited?: true;
  /** Sent at half the rate that this earlier case reached, latency counted from the due time. */
  readonly halfOf?: string;
  /** Part of `--quick`. */
  readonly quick?: true;
}

const FEW = 10;
/** How many clients `limited-0` … send the requests that are over the limit. */
export const LIMITED_CLIENTS = FEW;

export const CASES: readonly Case[] = [
  { name: "get", title: "GET, 100 bytes", clients: FEW, connections: 64, quick: true },
  {
    name: "429",
    title: "GET over the limit",
    clients: FEW,
    connections: 64,
    limited: true,
    quick: true,
  },
  { name: "get-1", title: "GET, 1 connection", clients: FEW, connections: 1 },
  { name: "get-512", title: "GET, 512 connections", clients: FEW, connections: 512 },
  { name: "post", title: "POST, 10 KB", clients: FEW, connections: 64, post: 10_240 },
  { name: "64k", title: "GET, 64 KB", clients: FEW, connections: 64, path: "/64k", quick: true },
  { name: "10m", title: "GET, 10 MB", clients: FEW, connections: 8, path: "/10m" },
  {
    name: "half",
    title: "GET at half load",
    clients: FEW,
    connections: 64,
    halfOf: "get",
    quick: true,
  },
  { name: "10^4", title: "GET, 10⁴ clients", clients: 1e4, connections: 64 },
  { name: "10^6", title: "GET, 10⁶ clients", clients: 1e6, connections: 64 },
];

/** Path and query, up to the number of the client. */
export function targetOf(test: Case): string {
  return `${test.path ?? "/"}?client_id=${test.limited ? "limited" : "client"}-`;
}
