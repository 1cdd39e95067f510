// The header fields the gateway acts on, as small numbers: a set of them is one 32-bit mask, and a
// name on the wire is recognised by its length and bytes, without making a string.
// Constant after loading.

/** What a field is to us. `OTHER` is relayed untouched. Every value is below 31 to fit a mask. */
export const Field = {
  OTHER: 0,
  HOST: 1,
  CONNECTION: 2,
  CONTENT_LENGTH: 3,
  TRANSFER_ENCODING: 4,
  EXPECT: 5,
  UPGRADE: 6,
  TE: 7,
  TRAILER: 8,
  KEEP_ALIVE: 9,
  /** Any `Proxy-…` but `Proxy-Status`: meant for this hop, never for the next. */
  PROXY: 10,
  FORWARDED: 11,
  X_FORWARDED_FOR: 12,
  X_FORWARDED_HOST: 13,
  X_FORWARDED_PROTO: 14,
  /** Any other `X-Forwarded-…`. */
  X_FORWARDED_OTHER: 15,
  X_REAL_IP: 16,
  X_REQUEST_ID: 17,
  VIA: 18,
  MAX_FORWARDS: 19,
  HTTP2_SETTINGS: 20,
  RATELIMIT: 21,
  RATELIMIT_POLICY: 22,
  TRACEPARENT: 23,
  AUTHORIZATION: 24,
  CONTENT_TYPE: 25,
  /** Named by a `Connection` field of its message: hop-by-hop (RFC 9110 §7.6.1). */
  NAMED_BY_CONNECTION: 26,
  /** Spelled with `_` where a field above has `-`: CGI-like backends cannot tell them apart. */
  MISTAKABLE: 27,
  TRACESTATE: 28,
  DATE: 29,
} as const;
export type FieldId = (typeof Field)[keyof typeof Field];

export const mask = (...ids: readonly FieldId[]): number =>
  ids.reduce<number>((all, id) => all | (1 << id), 0);

/** Fields that end at this hop in both directions (RFC 9110 §7.6.1), framing apart. */
export const HOP_BY_HOP = mask(
  Field.CONNECTION,
  Field.KEEP_ALIVE,
  Field.PROXY,
  Field.TE,
  Field.TRAILER,
  Field.UPGRADE,
  Field.HTTP2_SETTINGS,
  Field.NAMED_BY_CONNECTION,
  Field.MISTAKABLE,
);

/** Fields that a `Connection` option cannot take away: without them the message means another. */
export const UNREMOVABLE = mask(
  Field.HOST,
  Field.CONNECTION,
  Field.CONTENT_LENGTH,
  Field.TRANSFER_ENCODING,
);

const NAMES: Readonly<Record<string, FieldId>> = {
  host: Field.HOST,
  connection: Field.CONNECTION,
  "content-length": Field.CONTENT_LENGTH,
  "transfer-encoding": Field.TRANSFER_ENCODING,
  expect: Field.EXPECT,
  upgrade: Field.UPGRADE,
  te: Field.TE,
  trailer: Field.TRAILER,
  "keep-alive": Field.KEEP_ALIVE,
  // A CGI program would find it in its environment as HTTP_PROXY (CVE-2016-5385).
  proxy: Field.PROXY,
  // Every hop adds to it, for the client to read (RFC 9209 §2).
  "proxy-status": Field.OTHER,
  forwarded: Field.FORWARDED,
  "x-forwarded-for": Field.X_FORWARDED_FOR,
  "x-forwarded-host": Field.X_FORWARDED_HOST,
  "x-forwarded-proto": Field.X_FORWARDED_PROTO,
  "x-real-ip": Field.X_REAL_IP,
  "x-request-id": Field.X_REQUEST_ID,
  via: Field.VIA,
  "max-forwards": Field.MAX_FORWARDS,
  "http2-settings": Field.HTTP2_SETTINGS,
  ratelimit: Field.RATELIMIT,
  "ratelimit-policy": Field.RATELIMIT_POLICY,
  traceparent: Field.TRACEPARENT,
  tracestate: Field.TRACESTATE,
  authorization: Field.AUTHORIZATION,
  "content-type": Field.CONTENT_TYPE,
  date: Field.DATE,
};
const PREFIXES: readonly (readonly [string, FieldId])[] = [
  ["proxy-", Field.PROXY],
  ["x-forwarded-", Field.X_FORWARDED_OTHER],
];

interface Known {
  readonly bytes: Uint8Array;
  readonly id: FieldId;
}
const known = (name: string, id: FieldId): Known => ({ bytes: Buffer.from(name), id });
/** Every name is shorter. */
const LENGTHS = 24;
/** Names by their length and the low five bits of their first letter, whatever its case. */
const byStart: Known[][] = Array.from({ length: LENGTHS << 5 }, () => []);
for (const [name, id] of Object.entries(NAMES)) {
  byStart[(name.length << 5) | (name.charCodeAt(0) & 31)]!.push(known(name, id));
}
const prefixes: Known[][] = Array.from({ length: 32 }, () => []);
for (const [name, id] of PREFIXES) prefixes[name.charCodeAt(0) & 31]!.push(known(name, id));

/** The field that the token [start, end) names, whatever its case. */
export function fieldId(bytes: Uint8Array, start: number, end: number): FieldId {
  const length = end - start;
  const first = bytes[start]! & 31;
  if (length < LENGTHS) {
    const names = byStart[(length << 5) | first]!;
    for (let i = 0; i < names.length; i++) {
      const match = matches(bytes, start, names[i]!.bytes);
      if (match !== 0) return match === 1 ? names[i]!.id : Field.MISTAKABLE;
    }
  }
  const starts = prefixes[first]!;
  for (let i = 0; i < starts.length; i++) {
    if (length <= starts[i]!.bytes.length) continue;
    const match = matches(bytes, start, starts[i]!.bytes);
    if (match !== 0) return match === 1 ? starts[i]!.id : Field.MISTAKABLE;
  }
  return Field.OTHER;
}

/** 1: the bytes at `start` spell `name`; 2: they do if `_` counts as `-`; 0: they do not. */
function matches(bytes: Uint8Array, start: number, name: Uint8Array): 0 | 1 | 2 {
  let result: 1 | 2 = 1;
  for (let i = 0; i < name.length; i++) {
    // The bytes are a token, where bit 5 only folds letters' case, and turns `_` into 127.
    const byte = bytes[start + i]! | 32;
    if (byte === name[i]) continue;
    if (byte !== 127 || name[i] !== 45) return 0;
    result = 2;
  }
  return result;
}
