// Who may use the control routes. With a token: whoever sends it. Without: whoever connects from an
// allowed address, names the gateway by address or `localhost` (so that a foreign page cannot reach
// it by DNS rebinding) and is not sent here by a foreign page. Headers never say who a peer is.

import { createHash, timingSafeEqual } from "node:crypto";
import { CidrSet, normalizeAddress } from "../shared/address.ts";
import type { Config } from "../config.ts";
import { problem } from "../shared/problem.ts";

/** Why somebody may not come in, in the log's words, which control-log.ts explains. */
export const ACCESS_REASONS = [
  "no_token",
  "wrong_token",
  "address",
  "host",
  "foreign_page",
] as const;
export type AccessReason = (typeof ACCESS_REASONS)[number];

export interface AccessRefusal {
  readonly reason: AccessReason;
  readonly answer: Response;
}

/** `peer` is the address of the connection, null when it is gone. Null: come in. */
export type AccessCheck = (request: Request, peer: string | null) => AccessRefusal | null;

export function createAccess({ token, allow }: Config["admin"]): AccessCheck {
  return token === null ? byAddress(allow) : byToken(token);
}

function byToken(token: string): AccessCheck {
  const wanted = digest(token, "utf8");
  return (request) => {
    const given = /^Bearer +(\S.*)$/i.exec(request.headers.get("authorization") ?? "")?.[1];
    // Digests have one length and are compared in constant time: neither the token's length nor
    // how much of it was right can be measured.
    if (given !== undefined && timingSafeEqual(digest(given, "latin1"), wanted)) return null;
    return given === undefined
      ? unauthorized(
          "no_token",
          "Send the admin token (ADMIN_TOKEN): Authorization: Bearer <token>.",
          'Bearer realm="gateway"',
        )
      : unauthorized(
          "wrong_token",
          "This is not the admin token (ADMIN_TOKEN).",
          'Bearer realm="gateway", error="invalid_token"',
        );
  };
}

function unauthorized(reason: AccessReason, detail: string, challenge: string): AccessRefusal {
  const headers = { "www-authenticate": challenge };
  return { reason, answer: problem(401, { title: "Unauthorized", detail }, headers) };
}

/** Header values arrive as one character a byte, whatever the sender meant by the bytes. */
function digest(text: string, encoding: "utf8" | "latin1"): Buffer {
  return createHash("sha256").update(text, encoding).digest();
}

function byAddress(allow: readonly string[]): AccessCheck {
  const allowed = new CidrSet(allow);
  return (request, peer) => {
    if (peer === null || !allowed.has(normalizeAddress(peer))) {
      return forbidden(
        "address",
        "Control routes are open to the addresses in ADMIN_ALLOW only. Connect from one of them, " +
          "or set ADMIN_TOKEN and send Authorization: Bearer <token>.",
      );
    }
    if (!isAddressOrLocalhost(request.headers.get("host"))) {
      return forbidden(
        "host",
        "Without ADMIN_TOKEN, control routes answer only under an IP address or localhost. Use " +
          "one as the host name, or set ADMIN_TOKEN and send Authorization: Bearer <token>.",
      );
    }
    if (isFromForeignPage(request)) {
      return forbidden(
        "foreign_page",
        "Without ADMIN_TOKEN, pages of other origins may not use the control routes. Open the " +
          "address yourself, or set ADMIN_TOKEN and send Authorization: Bearer <token>.",
      );
    }
    return null;
  };
}

function forbidden(reason: AccessReason, detail: string): AccessRefusal {
  return { reason, answer: problem(403, { title: "Forbidden", detail }) };
}

const IPV4_OR_LOCALHOST = /^(?:localhost|\d{1,3}(?:\.\d{1,3}){3})(?::\d{1,5})?$/i;
const IPV6 = /^\[[0-9a-f:.]+\](?::\d{1,5})?$/i;

function isAddressOrLocalhost(host: string | null): boolean {
  return host !== null && (IPV4_OR_LOCALHOST.test(host) || IPV6.test(host));
}

/** Fetch metadata where the browser sends it, else `Origin`. Programs send neither. */
function isFromForeignPage(request: Request): boolean {
  const { headers } = request;
  const site = headers.get("sec-fetch-site");
  if (site === "same-origin" || site === "none") return false;
  if (site !== null) {
    // Following a link is harmless: a GET changes nothing and the other page cannot read it.
    const follows =
      request.method === "GET" &&
      headers.get("sec-fetch-mode") === "navigate" &&
      headers.get("sec-fetch-dest") === "document";
    return !follows;
  }
  const origin = headers.get("origin");
  return origin !== null && origin.replace(/^https?:\/\//, "") !== headers.get("host");
}
