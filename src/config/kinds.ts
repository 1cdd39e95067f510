// The kinds of value a setting can have: how each is read from text and what is accepted, in words
// for the person who typed it. Pure; both the file and the environment come through here.

import { familyOf } from "../shared/address-text.ts";
import { isCidr } from "../shared/address.ts";

export type Parsed<T> =
  | { readonly ok: true; readonly value: T }
  /** `why` says more than that the text is not of this kind. It never holds the text itself. */
  | { readonly ok: false; readonly why?: string };

export interface Kind<T> {
  /** Completes "accepted: …". */
  readonly accepts: string;
  /** The file may give a YAML list; its items arrive joined by commas. */
  readonly list?: boolean;
  parse(text: string): Parsed<T>;
}

const refused: Parsed<never> = { ok: false };

function kind<T>(accepts: string, read: (text: string) => T | undefined): Kind<T> {
  return {
    accepts,
    parse(text) {
      const value = read(text);
      return value === undefined ? refused : { ok: true, value };
    },
  };
}

export function integer(least: number, most: number): Kind<number> {
  return kind(`a whole number from ${least} to ${most}`, (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    return value >= least && value <= most ? value : undefined;
  });
}

/** A decimal number; `least` itself is accepted unless `above` is set. */
export function decimal(range: { least: number; most: number; above?: boolean }): Kind<number> {
  const { least, most, above = false } = range;
  const words = above
    ? `a number above ${least}, at most ${most}`
    : `a number from ${least} to ${most}`;
  return kind(words, (text) => {
    const value = /^(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    return (above ? value > least : value >= least) && value <= most ? value : undefined;
  });
}

const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1_000, m: 60_000, h: 3_600_000 };

/** Milliseconds. A bare number is refused (2 what?), except a 0 that is in the range. */
export function duration(least: string, most: string): Kind<number> {
  const [from, to] = [milliseconds(least)!, milliseconds(most)!];
  return kind(`a duration such as 500ms, 2s, 1.5m or 1h, from ${least} to ${most}`, (text) => {
    const value = milliseconds(text);
    return value !== undefined && value >= from && value <= to ? value : undefined;
  });
}

function milliseconds(text: string): number | undefined {
  if (text === "0") return 0;
  const match = /^(\d+(?:\.\d+)?) ?(ms|s|m|h)$/.exec(text);
  return match ? Number(match[1]) * UNIT_MS[match[2]!]! : undefined;
}

const UNIT_BYTES: Readonly<Record<string, number>> = {
  "": 1,
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/** Bytes. Decimal units are powers of 1000, binary ones of 1024 (IEC 80000-13). */
export const size: Kind<number> = kind(
  "a size such as 64KB, 10MB or 1GiB, a number of bytes, or 0 for no limit",
  (text) => {
    const match = /^(\d+(?:\.\d+)?) ?([a-z]*)$/i.exec(text);
    const unit = match && UNIT_BYTES[match[2]!.toLowerCase()];
    const size = unit ? Number(match[1]) * unit : Number.NaN;
    // A part of a byte is not the 0 that is no limit.
    return size === 0 || (size >= 1 && size <= 2 ** 50) ? Math.round(size) : undefined;
  },
);

/** Statuses of final answers: one, or a range with both its ends. */
export const statuses: Kind<{ readonly from: number; readonly to: number }> = kind(
  "a status such as 200 or a range such as 200-399, from 200 to 599",
  (text) => {
    const [, from = "", to = from] = /^(\d{3})(?: ?- ?(\d{3}))?$/.exec(text) ?? [];
    const range = { from: Number(from), to: Number(to) };
    return range.from >= 200 && range.from <= range.to && range.to <= 599 ? range : undefined;
  },
);

export function oneOf<const T extends string>(...words: readonly T[]): Kind<T> {
  return kind(words.join(" or "), (text) => words.find((word) => word === text.toLowerCase()));
}

const SWITCH: Readonly<Record<string, boolean>> = {
  on: true,
  true: true,
  yes: true,
  off: false,
  false: false,
  no: false,
};

export const onOff: Kind<boolean> = kind("on or off", (text) => SWITCH[text.toLowerCase()]);

const HOST_NAME =
  /^(?=.{1,253}$)[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$/i;

/** An address without brackets, or a name. `*` is every address, as `::`. */
export const host: Kind<string> = kind(
  "an address such as 127.0.0.1 or ::1, a host name, or :: for all addresses",
  (text) => {
    if (text === "*") return "::";
    const bare = text.startsWith("[") && text.endsWith("]") ? text.slice(1, -1) : text;
    if (familyOf(bare) !== 0) return bare;
    // Only digits and dots, yet no address: a mistyped address, not a name.
    return HOST_NAME.test(text) && !/^[\d.]+$/.test(text) ? text : undefined;
  },
);

export const urlPath: Kind<string> = kind("a path that starts with /, such as /healthz", (text) =>
  /^\/[!-~]*$/.test(text) && !/^\/\/|[#\\]/.test(text) ? text : undefined,
);

/** A base URL; the library adds the path of what is sent. */
export const endpoint: Kind<string> = kind(
  "an http or https URL such as http://collector:4318",
  (text) => {
    const url = URL.parse(text);
    const fits = url !== null && /^https?:$/.test(url.protocol) && !url.search && !url.hash;
    return fits ? text : undefined;
  },
);

/** Words that name something, for people. */
export const label: Kind<string> = kind("1 to 100 printable characters", (text) =>
  /^[ -~]{1,100}$/.test(text) ? text : undefined,
);

/** What a header can carry after `Bearer ` (RFC 6750 §2.1), so that nothing unusable is set. */
export const token: Kind<string> = kind(
  "1 to 512 of the characters A-Z a-z 0-9 - . _ ~ + / =, without spaces",
  // Nobody means the word as a token; for the lists beside it, it is how to say "nothing".
  (text) => (/^(?!none$)[A-Za-z0-9._~+/=-]{1,512}$/i.test(text) ? text : undefined),
);

/** An empty list is written `none`. */
export const cidrs: Kind<readonly string[]> = {
  accepts: "comma-separated addresses or networks such as 10.0.0.0/8 or ::1, or none",
  list: true,
  parse(text) {
    const items = splitList(text);
    const wrong = items.findIndex((item) => !isCidr(item));
    if (wrong === -1) return { ok: true, value: items };
    return items.length === 1 ? refused : { ok: false, why: `item ${wrong + 1} is wrong` };
  },
};

export function splitList(text: string): string[] {
  return text.toLowerCase() === "none" || text === ""
    ? []
    : text.split(",").map((item) => item.trim());
}
