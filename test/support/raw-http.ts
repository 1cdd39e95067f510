// Sends bytes as they are and collects the answer until the peer closes: for targets and headers
// that no HTTP client would send.

export interface RawAnswer {
  readonly status: number;
  readonly text: string;
}

/** `request` must ask for `Connection: close`. Status 0: closed without an answer. */
export function sendRaw(port: number, request: string): Promise<RawAnswer> {
  const { promise, resolve, reject } = Promise.withResolvers<RawAnswer>();
  let text = "";
  const finish = (): void => {
    resolve({ status: Number(/^HTTP\/1\.1 (\d{3})/.exec(text)?.[1] ?? 0), text });
  };
  void Bun.connect({
    hostname: "127.0.0.1",
    port,
    socket: {
      open: (socket) => void socket.write(request),
      data: (_, data) => void (text += data.toString()),
      close: finish,
      error: (_, error) => reject(error),
    },
  }).catch(reject);
  return promise;
}

export function rawRequest(
  method: string,
  target: string,
  headers: Readonly<Record<string, string>> = {},
): string {
  const lines = Object.entries({ Host: "localhost", ...headers, Connection: "close" });
  return `${method} ${target} HTTP/1.1\r\n${lines.map(([n, v]) => `${n}: ${v}\r\n`).join("")}\r\n`;
}
