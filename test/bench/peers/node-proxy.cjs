// Runs in Node: http-proxy or fast-gateway with a token bucket for each client_id. Arguments: which,
// the admitting and the limiting port, requests a second of the first, the backends.

const http = require("node:http");

const [kind, admitting, limiting, rate, ...backends] = process.argv.slice(2);
let next = 0;
const backend = () => backends[next++ % backends.length];

function limiter(rate) {
  const buckets = new Map();
  return (url) => {
    const id = /[?&]client_id=([^&]*)/.exec(url)?.[1] ?? "";
    const now = performance.now() / 1000;
    let bucket = buckets.get(id);
    if (!bucket) buckets.set(id, (bucket = { tokens: rate, at: now }));
    bucket.tokens = Math.min(rate, bucket.tokens + (now - bucket.at) * rate);
    bucket.at = now;
    if (bucket.tokens < 1) return false;
    bucket.tokens--;
    return true;
  };
}

const agent = new http.Agent({ keepAlive: true, maxFreeSockets: 1024 });

function withHttpProxy(port, take) {
  const proxy = require("http-proxy").createProxyServer({ agent, xfwd: true });
  proxy.on("error", (_error, _request, response) => response.writeHead(502).end());
  const server = http.createServer((request, response) => {
    if (take(request.url)) return proxy.web(request, response, { target: backend() });
    response.writeHead(429).end("Too Many Requests");
  });
  server.listen(port, "127.0.0.1");
}

function withFastGateway(port, take) {
  const gateway = require("fast-gateway")({
    middlewares: [
      (request, response, proceed) => {
        if (take(request.url)) return proceed();
        response.statusCode = 429;
        response.end("Too Many Requests");
      },
    ],
    routes: backends.map((target, i) => ({ prefix: `/${i}`, prefixRewrite: "", target })),
  });
  // It has no round robin of its own: a path in front chooses the backend.
  const server = http.createServer((request, response) => {
    request.url = `/${next++ % backends.length}${request.url}`;
    gateway.handle(request, response);
  });
  server.listen(port, "127.0.0.1");
}

const listen = kind === "http-proxy" ? withHttpProxy : withFastGateway;
listen(Number(admitting), limiter(Number(rate)));
listen(Number(limiting), limiter(1e-6));
