// Every kind of value: what is read, and what is refused rather than guessed.

import { describe, expect, test } from "bun:test";
import { backends } from "../../src/config/backends.ts";
import { database, maskUrl } from "../../src/config/database.ts";
import * as kinds from "../../src/config/kinds.ts";
import type { Kind } from "../../src/config/kinds.ts";

function reads(kind: Kind<unknown>, cases: Readonly<Record<string, unknown>>): void {
  for (const [text, value] of Object.entries(cases)) {
    expect([text, kind.parse(text)]).toEqual([text, { ok: true, value }]);
  }
}

function refuses(kind: Kind<unknown>, ...texts: readonly string[]): void {
  for (const text of texts) expect([text, kind.parse(text).ok]).toEqual([text, false]);
}

test("whole numbers", () => {
  const port = kinds.integer(0, 65_535);
  reads(port, { "0": 0, "3030": 3030, "65535": 65_535 });
  refuses(port, "65536", "-1", "1.5", "1e3", "0x10", "", " ", "1 2", "NaN", "Infinity", "٣");
});

test("numbers", () => {
  const rate = kinds.decimal({ least: 0, most: 1e9, above: true });
  reads(rate, { "0.001": 0.001, "5": 5, "5.0": 5, ".5": 0.5, "1e9": 1e9, "1E-3": 0.001 });
  refuses(rate, "0", "0.0", "-1", "1e10", "NaN", "Infinity", "1,5", "five", "1e", ".");
  reads(kinds.decimal({ least: 1, most: 10 }), { "1": 1, "10": 10 });
  refuses(kinds.decimal({ least: 1, most: 10 }), "0.99", "10.01");
});

test("durations", () => {
  const duration = kinds.duration("10ms", "1h");
  reads(duration, { "10ms": 10, "2s": 2_000, "1.5m": 90_000, "1h": 3_600_000, "2 s": 2_000 });
  // A number alone could be seconds or milliseconds.
  refuses(duration, "2", "0", "9ms", "2h", "-2s", "2S", "2 minutes", "1m30s", "s", "");
  reads(kinds.duration("0", "1h"), { "0": 0, "0s": 0 });
});

test("sizes", () => {
  reads(kinds.size, {
    "0": 0,
    "1024": 1_024,
    "64KB": 64_000,
    "10MB": 10_000_000,
    "10mb": 10_000_000,
    "64KiB": 65_536,
    "1.5 MiB": 1_572_864,
    "1GiB": 1_073_741_824,
    "12B": 12,
  });
  refuses(
    kinds.size,
    "10M",
    "MB",
    "-1",
    "1e3",
    "10 megabytes",
    "99999999GB",
    "",
    "0.4",
    "0.0001KB",
  );
});

test("words and switches", () => {
  reads(kinds.oneOf("json", "text"), { json: "json", TEXT: "text" });
  refuses(kinds.oneOf("json", "text"), "xml", "", "json,text");
  reads(kinds.onOff, { on: true, TRUE: true, yes: true, off: false, False: false, no: false });
  refuses(kinds.onOff, "1", "0", "enabled", "");
});

test("hosts", () => {
  reads(kinds.host, {
    "::": "::",
    "*": "::",
    "[::1]": "::1",
    "127.0.0.1": "127.0.0.1",
    localhost: "localhost",
    "my_host.example": "my_host.example",
  });
  refuses(kinds.host, "127.0.0.1:80", "256.1.1.1", "1.2.3", "a b", "-a", "a..b", "http://a", ":::");
});

test("paths", () => {
  reads(kinds.urlPath, { "/": "/", "/healthz?full=1": "/healthz?full=1" });
  refuses(kinds.urlPath, "healthz", "//host/x", "/a b", "/a#b", "/ä", "", "http://a/");
});

test("tokens", () => {
  reads(kinds.token, { "aZ0-._~+/=": "aZ0-._~+/=" });
  refuses(kinds.token, "a b", "a:b", "ä", "", "none", "x".repeat(513));
});

test("networks", () => {
  reads(kinds.cidrs, {
    none: [],
    "10.0.0.0/8, ::1": ["10.0.0.0/8", "::1"],
    "1.2.3.4": ["1.2.3.4"],
  });
  refuses(kinds.cidrs, "10.0.0.0/33", "localhost", "10.0.0.0/8,,::1", "10.0.0.0-10.0.0.9");
});

test("statuses", () => {
  reads(kinds.statuses, { "200": { from: 200, to: 200 }, "200-399": { from: 200, to: 399 } });
  refuses(kinds.statuses, "199", "200-600", "399-200", "2xx", "200,204", "200-", "0200");
});

describe("backends", () => {
  test("are origins with a weight", () => {
    reads(backends, {
      none: [],
      "http://10.0.0.1:8080,http://10.0.0.2:8080;weight=2": [
        { url: "http://10.0.0.1:8080", weight: 1 },
        { url: "http://10.0.0.2:8080", weight: 2 },
      ],
      "HTTPS://Host.Example:443/": [{ url: "https://host.example", weight: 1 }],
      "http://[::1]:80 ; weight = 1000": [{ url: "http://[::1]", weight: 1_000 }],
      "http://a;max_in_flight=50;weight=2": [{ url: "http://a", weight: 2, maxInFlight: 50 }],
    });
  });

  test.each([
    ["ftp://a", "only http and https are spoken"],
    ["a:8080", "it is not a URL"],
    ["http:/a", "not a URL"],
    ["http://fe80::1", "not a URL"],
    ["http://", "not a URL"],
    ["http://a:70000", "its port is not a number from 1 to 65535"],
    ["http://[::1]:x/", "its port is not"],
    ["http://a:0", "port 0"],
    ["http://user@a", "credentials"],
    ["http://user:pw@a", "credentials"],
    ["http://a/path", "no path or query"],
    ["http://a?x=1", "no path or query"],
    ["http://a/#x", "no path or query"],
    ["http://a\\b", "no path or query"],
    ["http://a;weight=0", "weight=N"],
    ["http://a;weight=1001", "weight=N"],
    ["http://a;weight=1.5", "weight=N"],
    ["http://a;wait=2", "weight=N"],
    ["http://a;", "weight=N"],
    ["http://a;weight=1;weight=2", "one weight"],
    ["http://a;max_in_flight=0", "max_in_flight=N"],
    ["http://a,http://a:80/;weight=3", "backend 2: it is there twice"],
    ["http://a,,http://b", "backend 2: it is empty"],
  ])("%s is refused: %s", (text, why) => {
    expect(backends.parse(text)).toEqual({ ok: false, why: expect.stringContaining(why) });
  });

  test("are at most as many as the table of backends holds", () => {
    const list = (count: number) =>
      Array.from({ length: count }, (_, index) => `http://host-${index}`).join(",");
    expect(backends.parse(list(256)).ok).toBe(true);
    refuses(backends, list(257));
  });
});

describe("databases", () => {
  test("are a file or PostgreSQL", () => {
    const url = "postgresql://user:p%40ss@host:5432/db?sslmode=require";
    reads(database, {
      "sqlite://./gateway.db": { kind: "sqlite", path: "./gateway.db" },
      "sqlite:///var/lib/gateway.db": { kind: "sqlite", path: "/var/lib/gateway.db" },
      "sqlite://:memory:": { kind: "sqlite", path: ":memory:" },
      [url]: { kind: "postgres", url },
    });
    refuses(
      database,
      "mysql://h/x",
      "gateway.db",
      "sqlite://",
      "sqlite://a?mode=ro",
      "postgres:x",
      "postgres://u@h/g%zz",
      "postgres://u%zz@h/g",
      "postgres://u:%@h/g",
      "postgres://u@h/g?sslmode=must",
      "",
    );
  });

  test("are shown without the password", () => {
    expect(maskUrl("postgres://u:pw@h/d")).toBe("postgres://u:***@h/d");
    expect(maskUrl("postgres://u:p@w:/@h/d")).toBe("postgres://u:***@h/d");
    expect(maskUrl("postgres://h:5432/d?user=u&password=pw&x=1")).toBe(
      "postgres://h:5432/d?user=u&password=***&x=1",
    );
    expect(maskUrl("http://10.0.0.1:8080,http://[::1]:2;weight=2")).toBe(
      "http://10.0.0.1:8080,http://[::1]:2;weight=2",
    );
    expect(maskUrl("http://user@h:80")).toBe("http://user@h:80");
    expect(maskUrl("http://10.0.0.1:80 http://h:81 ,")).toBe("http://10.0.0.1:80 http://h:81 ,");
  });

  test.each([
    ["u:pw@h/d", "u:***@h/d"],
    ["u:/p:w@h/d", "u:***@h/d"],
    ["postgres:/u:pw@h/d", "postgres:***@h/d"],
    ["postgres//u:pw@h/d", "postgres//u:***@h/d"],
    ["postgres://u:pw", "postgres://u:***"],
    ["postgres://u:pw/x", "postgres://u:***"],
    ["postgres://u:123456", "postgres://u:***"],
    ["v@h,u:pw@h:80", "v@h,u:***@h:80"],
  ])("are shown without it also when mistyped: %s", (text, shown) => {
    expect(maskUrl(text)).toBe(shown);
  });
});
