// Requests at a fixed rate, over a fixed number of connections: `paced.ts ORIGIN CONNECTIONS RATE
// SECONDS`. Every millisecond those that are due by then are sent; one that finds no connection free
// waits for it, and that time counts, so a late answer cannot hide the waiting of those behind it.
// Prints one line, as `load.ts` reads it. The answers must have a Content-Length.

const [origin, connections, rate, seconds] = Bun.argv.slice(2) as [string, string, string, string];
const { hostname, port, host } = new URL(origin);
const request = Buffer.from(`GET /?client_id=client-1 HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
const interval = 1e9 / Number(rate);
const total = Math.floor(Number(rate) * Number(seconds));
const latencies = new Float64Array(total);

interface Line {
  /** When its request was due, ns; 0 while it is free. */
  due: number;
  /** Bytes of the answer still to come; 0 before its head. */
  missing: number;
  socket: Bun.Socket<Line> | null;
}
const free: Line[] = [];
/** When those that have found no connection yet were due, ns. */
const waiting: number[] = [];
let [sent, answered, refused, broken, bytes, first] = [0, 0, 0, 0, 0, 0];
const finished = Promise.withResolvers<void>();

function over(line: Line): void {
  latencies[answered++] = Bun.nanoseconds() - line.due;
  line.due = 0;
  free.push(line);
  send();
  if (answered + broken >= total) finished.resolve();
}

function answerPart(line: Line, data: Buffer): void {
  bytes += data.length;
  if (line.missing === 0) {
    const end = data.indexOf("\r\n\r\n");
    // Heads of this size come in one piece on loopback.
    if (end < 0) throw new Error("the head of an answer came in pieces");
    const head = data.toString("latin1", 0, end).toLowerCase();
    const length = Number(/\r\ncontent-length: *(\d+)/.exec(head)?.[1] ?? Number.NaN);
    if (Number.isNaN(length)) throw new Error(`an answer without a length: ${head}`);
    if (!head.startsWith("http/1.1 2")) refused++;
    line.missing = end + 4 + length;
  }
  line.missing -= data.length;
  if (line.missing === 0) over(line);
}

const socket: Bun.SocketHandler<Line> = {
  data: (socket, data) => answerPart(socket.data, data),
  close(socket) {
    if (socket.data.due === 0) return;
    broken++;
    if (answered + broken >= total) finished.resolve();
  },
};

function send(): void {
  while (waiting.length > 0 && free.length > 0) {
    const line = free.shift()!;
    line.due = waiting.shift()!;
    line.socket!.write(request);
  }
}

function tick(): void {
  const now = Bun.nanoseconds();
  const due = Math.min(total, Math.floor((now - first) / interval) + 1);
  for (; sent < due; sent++) waiting.push(now);
  send();
  if (sent < total) setTimeout(tick, 1);
}

for (let i = 0; i < Number(connections); i++) {
  const line: Line = { due: 0, missing: 0, socket: null };
  line.socket = await Bun.connect({ hostname, port: Number(port), socket, data: line });
  free.push(line);
}
first = Bun.nanoseconds();
tick();
const late = Bun.sleep(Number(seconds) * 1000 + 10_000);
await Promise.race([finished.promise, late]);
const ordered = latencies.subarray(0, answered).sort();
const at = (share: number): number => (ordered[Math.floor(share * (answered - 1))] ?? 0) / 1e6;
console.log(
  JSON.stringify({
    requests: answered,
    seconds: (Bun.nanoseconds() - first) / 1e9,
    bytes,
    p50: at(0.5),
    p99: at(0.99),
    refused,
    broken: total - answered,
  }),
);
process.exit(0);
