// What can be a backend's URL, for the configuration and for the API. A backend is an origin, nothing
// more: what a client asks for is what the backend gets, so a path has no place here, and
// credentials have no place in a list that is logged. Pure.

import { familyOf } from "./address-text.ts";
import { CidrSet } from "./address.ts";

export const MAX_BACKENDS = 256;
/** Weights are whole numbers from 1. */
export const MAX_WEIGHT = 1000;
export const MAX_IN_FLIGHT = 1_000_000;

export type BackendUrl =
  | { readonly ok: true; readonly origin: string }
  /** `why` never holds the text itself, which may hold a password. */
  | { readonly ok: false; readonly why: string };

export function parseBackendUrl(text: string): BackendUrl {
  const url = /^https?:\/\//i.test(text) ? URL.parse(text) : null;
  const why = url === null ? notUrl(text) : objection(url, text);
  return why === null ? { ok: true, origin: url!.origin } : { ok: false, why };
}

function notUrl(text: string): string {
  if (text === "") return "it is empty";
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text) && !/^https?:/i.test(text)) {
    return "only http and https are spoken";
  }
  const withoutPort = text.replace(/^(https?:\/\/[^/?#]*[^:/?#]):[^:/?#\]@]*(?=[/?#]|$)/i, "$1");
  return withoutPort !== text && URL.canParse(withoutPort)
    ? "its port is not a number from 1 to 65535"
    : "it is not a URL that starts with http:// or https://";
}

function objection(url: URL, text: string): string | null {
  if (url.username !== "" || url.password !== "") return "credentials do not belong in it";
  if (url.pathname !== "/" || /[?#\\]/.test(text)) {
    return "a backend has no path or query, only a scheme, a host and a port";
  }
  // Each copy of the list in shared memory has room for that much.
  if (url.origin.length > 512) return "it is longer than 512 characters";
  return url.port === "0" ? "port 0 cannot be connected to" : null;
}

/**
 * Addresses through which a machine in a cloud learns its own secrets, and those that mean another
 * machine on every network: RFC 3927, RFC 4291 §2.5.6, and the metadata services of AWS, Google
 * Cloud, Alibaba and Oracle.
 */
const LINK_LOCAL = new CidrSet([
  "169.254.0.0/16",
  "fe80::/10",
  "fd00:ec2::/32",
  "fd20:ce::254",
  "100.100.100.200",
  "192.0.0.192",
  // The same three networks where they are carried in IPv6: NAT64 (RFC 6052 §2.1), 6to4 (RFC 3056 §2)
  // and the compatible form (RFC 4291 §2.5.5.1).
  ...["64:ff9b::", "::"].flatMap((prefix) => [
    `${prefix}a9fe:0/112`,
    `${prefix}6464:64c8`,
    `${prefix}c000:c0`,
  ]),
  "2002:a9fe::/32",
  "2002:6464:64c8::/48",
  "2002:c000:c0::/48",
]);

/** `address` without brackets. */
export function isLinkLocal(address: string): boolean {
  return LINK_LOCAL.has(address);
}

/** Whether the URL itself names such an address; a name may still lead to one. */
export function namesLinkLocal(origin: string): boolean {
  const host = hostOf(origin);
  return familyOf(host) !== 0 && isLinkLocal(host);
}

/** The host of a URL, an IPv6 address without its brackets; empty where there is none. */
export function hostOf(url: string): string {
  const { hostname } = new URL(url);
  return hostname.startsWith("[") ? hostname.slice(1, -1) : hostname;
}
