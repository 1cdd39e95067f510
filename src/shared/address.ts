// Network addresses as the limiter and the access rules see them: IPv4 whole, IPv6 by its /64
// (what one subscriber gets, RFC 6177), a v4-mapped address (::ffff:1.2.3.4) as the IPv4 address it
// is, never a port. No state. `addressKey` runs for every anonymous request and allocates nothing.

import { isMapped, pair, parseIPv4, parseIPv6 } from "./address-text.ts";

/** 64 bits that name a bucket of an anonymous client. Scratch: rewritten by `addressKey`. */
export interface AddressKey {
  /** Upper half, int32. */
  hi: number;
  /** Lower half, int32. */
  lo: number;
}

// An IPv6 key is the /64 prefix itself. No request comes from a multicast address (RFC 4291 §2.7),
// so the codes of ff00::/8 are free for what has no prefix of its own. None of them is 0.
const SPECIAL = 0xff000000 | 0;
/** hi of an IPv4 key; lo is the address. */
const IPV4 = SPECIAL | 4;
/** lo of the two special prefixes, with hi = SPECIAL. */
const ZERO_PREFIX = 1; // ::/64, which holds ::1
const MULTICAST = 2; // ff00::/8 as a whole

/**
 * Writes the bucket key of an IPv4 or IPv6 address. False, with `out` untouched, when the text is
 * not exactly one address (a port, brackets or spaces make it something else).
 */
export function addressKey(address: string, out: AddressKey): boolean {
  const v4 = parseIPv4(address, 0, address.length);
  if (v4 >= 0) return setKey(out, IPV4, v4);
  if (!parseIPv6(address)) return false;
  if (isMapped()) return setKey(out, IPV4, pair(6));
  const hi = pair(0);
  const lo = pair(2);
  if (hi === 0 && lo === 0) return setKey(out, SPECIAL, ZERO_PREFIX);
  if (hi >>> 24 === 0xff) return setKey(out, SPECIAL, MULTICAST);
  return setKey(out, hi, lo);
}

/** What a key stands for: `192.0.2.1`, or a network such as `2001:db8:1:2::/64`. */
export function keyText({ hi, lo }: AddressKey): string {
  if (hi === IPV4) return dotted(lo);
  if (hi === SPECIAL) return lo === MULTICAST ? "ff00::/8" : "::/64";
  const groups = [hi >>> 16, hi & 0xffff, lo >>> 16, lo & 0xffff];
  while (groups.at(-1) === 0) groups.pop();
  return `${groups.map((group) => group.toString(16)).join(":")}::/64`;
}

/**
 * The address alone, as logs and headers show it: lower case, without port, brackets or zone id,
 * a v4-mapped address as IPv4. Text that is not an address comes back trimmed and in lower case.
 */
export function normalizeAddress(address: string): string {
  const bare = withoutPort(address.trim().toLowerCase());
  if (!parseIPv6(bare)) return bare;
  if (isMapped()) return dotted(pair(6));
  const zone = bare.indexOf("%");
  return zone < 0 ? bare : bare.slice(0, zone);
}

/** `10.0.0.0/8`, `2001:db8::/32`; a bare address stands for itself alone. No zone ids. */
export function isCidr(text: string): boolean {
  return parseCidr(text) !== null;
}

/**
 * A set of networks. A v4-mapped network (`::ffff:10.0.0.0/104`) is the IPv4 network it maps, and
 * a v4-mapped address is looked up as IPv4, so both spellings meet. `::/0` is all of IPv6 and no
 * IPv4: a rule never lets in more than it says. Throws a RangeError for text that is not a CIDR.
 */
export class CidrSet {
  readonly empty: boolean;
  readonly #v4: readonly Network[];
  readonly #v6: readonly Network[];

  constructor(cidrs: readonly string[]) {
    this.empty = cidrs.length === 0;
    const networks = cidrs.map((text) => {
      const network = parseCidr(text);
      if (network === null) throw new RangeError(`not an address or CIDR: ${text}`);
      return network;
    });
    this.#v4 = networks.filter(({ words }) => words.length === 1);
    this.#v6 = networks.filter(({ words }) => words.length === 4);
  }

  /** False for text that is not an address. */
  has(address: string): boolean {
    if (this.empty) return false;
    const bare = normalizeAddress(address);
    const v4 = parseIPv4(bare, 0, bare.length);
    if (v4 >= 0) return this.#v4.some((network) => holds(network, 0, v4));
    return parseIPv6(bare) && this.#v6.some(holdsScratch);
  }
}

interface Network {
  /** The address in words of 32 bits, int32, masked: one of IPv4, four of IPv6. */
  readonly words: readonly number[];
  readonly masks: readonly number[];
}

function holds({ words, masks }: Network, index: number, word: number): boolean {
  return (word & masks[index]!) === words[index]!;
}

/** Of the IPv6 address read last. */
function holdsScratch(network: Network): boolean {
  for (let index = 0; index < 4; index++) if (!holds(network, index, pair(index * 2))) return false;
  return true;
}

function networkOf(address: readonly number[], prefix: number): Network {
  const masks = address.map((_, index) => {
    const bits = Math.min(Math.max(prefix - index * 32, 0), 32);
    return bits === 0 ? 0 : -1 << (32 - bits);
  });
  return { words: address.map((word, index) => word & masks[index]!), masks };
}

function parseCidr(text: string): Network | null {
  const slash = text.indexOf("/");
  const address = slash < 0 ? text : text.slice(0, slash);
  const v4 = parseIPv4(address, 0, address.length);
  if (v4 < 0 && (address.includes("%") || !parseIPv6(address))) return null;
  const bits = v4 < 0 ? 128 : 32;
  const digits = slash < 0 ? String(bits) : text.slice(slash + 1);
  if (!/^(0|[1-9]\d{0,2})$/.test(digits) || Number(digits) > bits) return null;
  const prefix = Number(digits);
  if (v4 >= 0) return networkOf([v4], prefix);
  if (isMapped() && prefix >= 96) return networkOf([pair(6)], prefix - 96);
  return networkOf([pair(0), pair(2), pair(4), pair(6)], prefix);
}

/** `1.2.3.4:80` and `[::1]:80` lose their port; a bare IPv6 address has none to lose. */
function withoutPort(text: string): string {
  if (text.charCodeAt(0) === 91) {
    const end = text.indexOf("]");
    return end < 0 ? text : text.slice(1, end);
  }
  const colon = text.indexOf(":");
  if (colon < 0 || text.indexOf(":", colon + 1) >= 0) return text;
  return text.slice(0, colon);
}

function dotted(v4: number): string {
  return `${v4 >>> 24}.${(v4 >>> 16) & 255}.${(v4 >>> 8) & 255}.${v4 & 255}`;
}

function setKey(out: AddressKey, hi: number, lo: number): true {
  out.hi = hi;
  out.lo = lo | 0;
  return true;
}
