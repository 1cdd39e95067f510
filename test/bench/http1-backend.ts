// Three backends that answer every small request with 100 bytes, as cheaply as can be. Started by
// http1.ts; prints their ports.

const answer = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 100\r\n\r\n${"x".repeat(100)}`,
);
const listeners = [0, 1, 2].map(() =>
  Bun.listen({
    hostname: "127.0.0.1",
    port: 0,
    socket: { data: (socket) => void socket.write(answer) },
  }),
);
console.log(listeners.map(({ port }) => port).join(" "));
