// CPU a proxied request of the HTTP/1.1 layer alone against nginx, in the same minutes: both on one core,
// `wrk` and three backends on the other, rounds interleaved, medians printed.
// Needs wrk, nginx and taskset: `bun test/bench/http1.ts [rounds] [seconds]`.

import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { countOf } from "./arguments.ts";

const rounds = countOf("rounds", process.argv[2], 5);
const seconds = countOf("seconds", process.argv[3], 3);
const PROXY_CORE = "0";
const OTHER_CORE = "1";

/** CPU nanoseconds of a process so far, all its threads. */
function cpuNs(pid: number): number {
  let sum = 0;
  for (const task of readdirSync(`/proc/${pid}/task`)) {
    sum += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, "utf8").split(" ")[0]);
  }
  return sum;
}

async function firstLine(process: Bun.Subprocess<"ignore", "pipe", "inherit">): Promise<string> {
  for await (const bytes of process.stdout) return new TextDecoder().decode(bytes).trim();
  throw new Error("it printed nothing");
}

function start(core: string, ...command: string[]): Bun.Subprocess<"ignore", "pipe", "inherit"> {
  return Bun.spawn(["taskset", "-c", core, ...command], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  });
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data: () => {} } });
  const { port } = listener;
  listener.stop(true);
  return port;
}

function nginxConfig(folder: string, port: number, backends: readonly string[]): string {
  const file = join(folder, "nginx.conf");
  const servers = backends.map((backend) => `server 127.0.0.1:${backend};`).join(" ");
  writeFileSync(
    file,
    `daemon off; worker_processes 1; pid ${folder}/pid; error_log /dev/null;
     events { worker_connections 4096; }
     http { access_log off; keepalive_requests 1000000000;
       client_body_temp_path ${folder}/a; proxy_temp_path ${folder}/b; fastcgi_temp_path ${folder}/c;
       uwsgi_temp_path ${folder}/d; scgi_temp_path ${folder}/e;
       upstream all { ${servers} keepalive 256; keepalive_requests 1000000000; }
       server { listen 127.0.0.1:${port};
         location / { proxy_pass http://all; proxy_http_version 1.1; proxy_set_header Connection "";
           proxy_set_header Host $host; } } }`,
  );
  return file;
}

interface Sample {
  readonly perSecond: number;
  readonly cpuUs: number;
}

async function measure(port: number, pids: readonly number[]): Promise<Sample> {
  const before = pids.reduce((sum, pid) => sum + cpuNs(pid), 0);
  const url = `http://127.0.0.1:${port}/?client_id=client9`;
  const wrk = start(OTHER_CORE, "wrk", "-t1", "-c64", `-d${seconds}s`, url);
  const output = await new Response(wrk.stdout).text();
  const requests = Number(/(\d+) requests in/.exec(output)?.[1]);
  if (/Non-2xx|Socket errors/.test(output)) throw new Error(output);
  const cpu = pids.reduce((sum, pid) => sum + cpuNs(pid), 0) - before;
  return { perSecond: requests / seconds, cpuUs: cpu / requests / 1000 };
}

const median = (values: number[]): number => values.sort((a, b) => a - b)[values.length >> 1]!;

const folder = mkdtempSync(join(tmpdir(), "http1-bench-"));
const script = (name: string): string => join(import.meta.dir, name);
const backend = start(OTHER_CORE, process.execPath, script("http1-backend.ts"));
const backends = (await firstLine(backend)).split(" ");
const own = start(PROXY_CORE, process.execPath, script("http1-proxy.ts"), ...backends);
const ownPort = Number(await firstLine(own));
const nginxPort = freePort();
const nginx = start(PROXY_CORE, "nginx", "-c", nginxConfig(folder, nginxPort, backends));
await Bun.sleep(500);
const nginxChildren = readFileSync(`/proc/${nginx.pid}/task/${nginx.pid}/children`, "utf8");
const candidates = [
  { name: "http1", port: ownPort, pids: [own.pid], samples: [] as Sample[] },
  {
    name: "nginx",
    port: nginxPort,
    pids: nginxChildren.trim().split(" ").map(Number),
    samples: [] as Sample[],
  },
];
try {
  for (let round = 0; round <= rounds; round++) {
    for (const { name, port, pids, samples } of candidates) {
      const sample = await measure(port, pids);
      // The first round warms up.
      if (round > 0) samples.push(sample);
      console.log(
        `${round} ${name} ${sample.perSecond.toFixed(0)}/s ${sample.cpuUs.toFixed(2)} us CPU`,
      );
    }
  }
  for (const { name, samples } of candidates) {
    const perSecond = median(samples.map((sample) => sample.perSecond));
    const cpuUs = median(samples.map((sample) => sample.cpuUs));
    console.log(`median ${name} ${perSecond.toFixed(0)}/s ${cpuUs.toFixed(2)} us CPU a request`);
  }
} finally {
  for (const child of [own, backend, nginx]) child.kill();
  await Promise.all([own, backend, nginx].map((child) => child.exited));
  rmSync(folder, { recursive: true });
}
