// A self-signed certificate with its key, made anew for each test that speaks TLS (RFC 5280, DER).

import { generateKeyPairSync, sign } from "node:crypto";

export interface Certificate {
  /** Both PEM. */
  readonly cert: string;
  readonly key: string;
}

export interface Subject {
  readonly names?: readonly string[];
  /** Dotted IPv4. */
  readonly addresses?: readonly string[];
  /** Days from now to its end; negative: it is over. */
  readonly days?: number;
}

const DAY_MS = 86_400_000;
const ECDSA_WITH_SHA256 = sequence(der(0x06, hex("2a8648ce3d040302")));
const [COMMON_NAME, BASIC_CONSTRAINTS, ALTERNATIVE_NAME] = ["550403", "551d13", "551d11"].map(
  (id) => der(0x06, hex(id)),
) as [Buffer, Buffer, Buffer];

export function selfSigned({ names = [], addresses = [], days = 7 }: Subject): Certificate {
  const pair = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const name = sequence(der(0x31, sequence(COMMON_NAME, utf8(`test ${crypto.randomUUID()}`))));
  const now = Date.now();
  const alternatives = sequence(
    ...names.map((dns) => der(0x82, Buffer.from(dns))),
    ...addresses.map((address) => der(0x87, Buffer.from(address.split(".").map(Number)))),
  );
  const extensions = sequence(
    sequence(BASIC_CONSTRAINTS, der(0x04, sequence(der(0x01, hex("ff"))))),
    sequence(ALTERNATIVE_NAME, der(0x04, alternatives)),
  );
  const body = sequence(
    der(0xa0, der(0x02, hex("02"))),
    der(0x02, Buffer.concat([hex("01"), Buffer.from(crypto.getRandomValues(new Uint8Array(8)))])),
    ECDSA_WITH_SHA256,
    name,
    sequence(utcTime(now - 30 * DAY_MS), utcTime(now + days * DAY_MS)),
    name,
    pair.publicKey.export({ type: "spki", format: "der" }),
    der(0xa3, extensions),
  );
  const signature = Buffer.concat([hex("00"), sign("sha256", body, pair.privateKey)]);
  const bytes = sequence(body, ECDSA_WITH_SHA256, der(0x03, signature));
  return {
    cert: `-----BEGIN CERTIFICATE-----\n${bytes.toString("base64")}\n-----END CERTIFICATE-----\n`,
    key: pair.privateKey.export({ type: "pkcs8", format: "pem" }),
  };
}

function der(tag: number, content: Buffer): Buffer {
  const { length } = content;
  const size =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...size]), content]);
}

function sequence(...parts: Buffer[]): Buffer {
  return der(0x30, Buffer.concat(parts));
}

function utf8(text: string): Buffer {
  return der(0x0c, Buffer.from(text));
}

function utcTime(ms: number): Buffer {
  const digits = new Date(ms).toISOString().replace(/\D/g, "").slice(2, 14);
  return der(0x17, Buffer.from(`${digits}Z`));
}

function hex(text: string): Buffer {
  return Buffer.from(text, "hex");
}
