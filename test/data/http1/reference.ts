// A second opinion on HTTP/1.1 messages: whole messages only, by regular expressions taken from the
// grammar of RFC 9110 and 9112, slow and meant to be obviously right. Shares nothing with the parser.

const TOKEN = "[!#$%&'*+.^_`|~0-9A-Za-z-]+";
const FIELD = new RegExp(`^(${TOKEN}):[ \\t]*((?:[\\t -~\\x80-\\xff]*[!-~\\x80-\\xff])?)[ \\t]*$`);
const HOST =
  /^(?:\[[0-9A-Fa-f:.]{2,}\]|(?:[A-Za-z0-9\-._~!$&'()*+,;=]|%[0-9A-Fa-f]{2})+)(?::([0-9]*))?$/;

export interface Seen {
  readonly status: number;
  readonly method?: string;
  readonly target?: string;
  readonly host?: string;
  readonly minor?: number;
  readonly fields?: readonly (readonly [string, string])[];
  readonly length?: number | "chunked";
  readonly keepAlive?: boolean;
}
const refused = (status: number): Seen => ({ status });

const isHost = (text: string): boolean => {
  const match = HOST.exec(text);
  return match !== null && Number(match[1] ?? 0) <= 65535;
};

/** What the request at the start of `text` (one character a byte, head complete) means. */
export function referenceRequest(text: string): Seen {
  const head = /^(?:\r\n)?([^]*?\r\n)\r\n/.exec(text)?.[1];
  if (head === undefined) return refused(400);
  const lines = head.split("\r\n").slice(0, -1);
  const line = new RegExp(`^(${TOKEN}) ([!-"$-~\\x80-\\xff]+) HTTP/([0-9])\\.([0-9])$`).exec(
    lines[0]!,
  );
  if (line === null || line[1]!.length > 32) return refused(400);
  if (line[3] !== "1" || Number(line[4]) > 1) return refused(505);
  const [, method, rawTarget] = line as unknown as [string, string, string];
  const minor = Number(line[4]);
  const fields: [string, string][] = [];
  for (const field of lines.slice(1)) {
    const match = FIELD.exec(field);
    if (match === null) return refused(400);
    fields.push([match[1]!, match[2]!]);
  }
  const all = (name: string): string[] =>
    fields.filter(([key]) => key.toLowerCase() === name).map(([, value]) => value);

  const hosts = all("host");
  if (hosts.length > 1 || (minor === 1 && hosts.length === 0)) return refused(400);
  if (hosts.length === 1 && !isHost(hosts[0]!)) return refused(400);
  const target = referenceTarget(method, rawTarget, hosts[0] ?? "");
  if (target === null) return refused(400);
  const length = referenceLength(all("transfer-encoding"), all("content-length"), minor);
  if (typeof length === "object") return length;
  const expect = all("expect");
  if (minor === 1 && expect.length > 0 && expect.join().toLowerCase() !== "100-continue") {
    return refused(417);
  }
  const options = all("connection").flatMap((value) => value.split(",").map((each) => each.trim()));
  if (options.some((each) => each !== "" && !new RegExp(`^${TOKEN}$`).test(each)))
    return refused(400);
  const asked = new Set(options.map((each) => each.toLowerCase()));
  const keepAlive = asked.has("close") ? false : minor === 1 || asked.has("keep-alive");
  return { status: 200, method, ...target, minor, fields, length, keepAlive };
}

function referenceTarget(
  method: string,
  target: string,
  host: string,
): { target: string; host: string } | null {
  if (method === "CONNECT") return isHost(target) && /:\d+$/.test(target) ? { target, host } : null;
  if (target.startsWith("/")) return { target, host };
  if (target === "*") return method === "OPTIONS" ? { target, host } : null;
  const absolute = /^http:\/\/([^/?]*)([^]*)$/i.exec(target);
  if (absolute === null || !isHost(absolute[1]!)) return null;
  const path = absolute[2]!;
  if (path === "" && method === "OPTIONS") return { target: "*", host: absolute[1]! };
  return { target: path.startsWith("/") ? path : `/${path}`, host: absolute[1]! };
}

function referenceLength(
  codings: readonly string[],
  lengths: readonly string[],
  minor: number,
): number | "chunked" | Seen {
  if (codings.length > 0) {
    if (lengths.length > 0 || minor === 0 || codings.length > 1) return refused(400);
    const list = codings[0]!.toLowerCase().split(/[ \t]*,[ \t]*/);
    if (list.some((each) => !new RegExp(`^${TOKEN}$`).test(each))) return refused(400);
    if (list.at(-1) !== "chunked" || list.indexOf("chunked") !== list.length - 1)
      return refused(400);
    return list.length === 1 ? "chunked" : refused(501);
  }
  if (lengths.length === 0) return 0;
  if (lengths.length > 1 || !/^[0-9]+$/.test(lengths[0]!)) return refused(400);
  return BigInt(lengths[0]!) <= 2n ** 53n - 1n ? Number(lengths[0]) : refused(400);
}

/** The body of a complete chunked message and what follows it; null when it is not valid. */
export function referenceChunked(text: string): { body: string; rest: string } | null {
  let body = "";
  for (let rest = text; ;) {
    const line = /^([0-9A-Fa-f]{1,13})(?:[ \t]*;[\t -~\x80-\xff]*)?\r\n/.exec(rest);
    if (line === null) return null;
    const size = parseInt(line[1]!, 16);
    rest = rest.slice(line[0].length);
    if (size === 0) {
      const trailers = new RegExp(`^(?:${TOKEN}:[\\t -~\\x80-\\xff]*\\r\\n)*\\r\\n`).exec(rest);
      return trailers === null ? null : { body, rest: rest.slice(trailers[0].length) };
    }
    if (rest.slice(size, size + 2) !== "\r\n") return null;
    body += rest.slice(0, size);
    rest = rest.slice(size + 2);
  }
}
