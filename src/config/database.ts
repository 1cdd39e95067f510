// Reads DATABASE_URL. The password it may hold is never shown: `maskUrl` is for every place that
// prints a URL a person typed.

import type { DatabaseConfig } from "../config.ts";
import type { Kind, Parsed } from "./kinds.ts";

export const database: Kind<DatabaseConfig> = {
  accepts: "sqlite://PATH, or postgres://USER:PASSWORD@HOST:PORT/DATABASE",
  parse(text): Parsed<DatabaseConfig> {
    const path = /^sqlite:\/\/(.+)$/i.exec(text)?.[1];
    if (path !== undefined) {
      return /[?#\0]/.test(path)
        ? { ok: false, why: "a path takes no ? or # options" }
        : { ok: true, value: { kind: "sqlite", path } };
    }
    if (!/^postgres(ql)?:\/\//i.test(text)) return { ok: false };
    const url = URL.parse(text);
    if (url === null || !isDecodable(url)) {
      return {
        ok: false,
        why: "special characters in the password must be percent-encoded, also %",
      };
    }
    const mode = url.searchParams.get("sslmode");
    return mode === null || SSL_MODES.includes(mode)
      ? { ok: true, value: { kind: "postgres", url: text } }
      : { ok: false, why: `sslmode is one of ${SSL_MODES.join(", ")}` };
  },
};

/** Of libpq; Bun knows no others. */
const SSL_MODES = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];

/** Whether its parts are, which is done one by one to connect. */
function isDecodable({ username, password, pathname }: URL): boolean {
  try {
    for (const part of [username, password, pathname]) decodeURIComponent(part);
    return true;
  } catch {
    return false;
  }
}

/**
 * The URL with its password (in the authority, or in the query) as `***`. It cuts generously: for
 * text that is no proper URL it would rather hide the host than show half a password.
 */
export function maskUrl(text: string): string {
  // A scheme that is mistyped or forgotten makes the password no less one. Without an @, what
  // stands where the port does and is none may be a password of which the host was left out.
  const authority = text.includes("@")
    ? /^((?:[^:]*:\/\/)?[^:]*):(?!\/\/).*(?=@)/s
    : /(:\/\/[^:/?#,[]+):(?!\d{1,5}(?:[\s/?#,;]|$)).*/s;
  return text
    .replace(authority, "$1:***")
    .replace(/([?&](?:password|sslpassword|sslkey)=)[^&#]*/gi, "$1***");
}
