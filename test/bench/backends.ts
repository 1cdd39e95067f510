// The backends behind every candidate: three ports in one process, whose answers cost as little as
// Bun can make them. Prints its ports as one JSON line and runs until it is ended. Started by
// `backend-process.ts`; nothing else uses it.

const PORTS = 3;

const small = "x".repeat(100);
const answers = {
  "/": new Response(small),
  "/64k": new Response("x".repeat(64 * 1024)),
  "/10m": new Response("x".repeat(10 * 1024 * 1024)),
};

const servers = Array.from({ length: PORTS }, () =>
  Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    idleTimeout: 0,
    // Constant answers are sent without calling any JavaScript.
    routes: answers,
    async fetch(request) {
      await request.arrayBuffer();
      return new Response(small);
    },
  }),
);
console.log(JSON.stringify(servers.map((server) => server.port)));
