// What a person who configures the gateway may rely on: defaults, order, places, masking.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { settledText, settingsMarkdown } from "../../src/config/reference.ts";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import { type Config, loadConfig } from "../../src/config.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-config-"));
});
afterAll(() => rm(folder, { recursive: true }));

async function load(yaml: string | null, env: Record<string, string> = {}) {
  const file = yaml === null ? null : join(folder, "gateway.yaml");
  if (file !== null) await Bun.write(file, yaml!);
  return loadConfig({ file, env, terminal: false });
}

async function accepted(yaml: string | null, env: Record<string, string> = {}): Promise<Config> {
  const result = await load(yaml, env);
  if (!result.ok) throw new Error(result.problems.join("\n"));
  return result.config;
}

async function problems(yaml: string | null, env: Record<string, string> = {}): Promise<string[]> {
  const result = await load(yaml, env);
  return result.ok ? [] : result.problems.map((problem) => problem.replace(`${folder}/`, ""));
}

test("with nothing set, the defaults are what the README promises", async () => {
  const config = await accepted(null);
  expect(config).toMatchObject({
    host: "::",
    port: 3030,
    backends: [],
    balancer: "round_robin",
    database: { kind: "sqlite", path: "./gateway.db" },
    workers: Math.min(navigator.hardwareConcurrency, 64),
    admin: { token: null, allow: ["127.0.0.0/8", "::1"] },
    health: { path: "/", intervalMs: 2_000, timeoutMs: 1_000, rise: 2, fall: 3 },
    anonymous: { capacity: 100, ratePerSec: 50 },
    unknownClients: "anonymous",
    trustedProxies: [],
    flushIntervalMs: 1_000,
    timeouts: {
      requestMs: 60_000,
      streamIdleMs: 60_000,
      connectMs: 2_000,
      idleMs: 75_000,
      drainMs: 30_000,
    },
    maxBody: 10_000_000,
    log: { level: "info", format: "json", access: true },
  });
  expect(loadConfig({ file: null, env: {}, terminal: true })).toMatchObject({
    config: { log: { format: "text" } },
  });
});

test("the configuration is frozen all the way down and survives being posted to a worker", async () => {
  const config = await accepted(null, { BACKENDS: "http://a:1" });
  expect(() => Object.assign(config.backends[0]!, { weight: 2 })).toThrow(TypeError);
  expect(structuredClone(config)).toEqual(config);
});

test("the environment wins over the file, the file over the default", async () => {
  const yaml = "port: 4000\nworkers: 3\n";
  expect(await accepted(yaml, { PORT: "5000" })).toMatchObject({ port: 5000, workers: 3 });
});

test("an empty variable and an empty value are not set", async () => {
  const env = { PORT: "", BACKENDS: "", ADMIN_TOKEN: "" };
  expect(await accepted("port: 4000\nadmin_token:\n", env)).toMatchObject({
    port: 4000,
    backends: [],
    admin: { token: null },
  });
});

test("GATEWAY_CONFIG names the file, --config another one", async () => {
  const other = join(folder, "other.yaml");
  await Bun.write(other, "port: 4001\n");
  const env = { GATEWAY_CONFIG: other };
  expect(loadConfig({ file: null, env, terminal: false })).toMatchObject({
    config: { port: 4001 },
  });
  expect(await accepted("port: 4000\n", env)).toMatchObject({ port: 4000 });
});

describe("a list in the file", () => {
  test.each([
    ["texts", "backends:\n  - http://a:1\n  - http://b:2;weight=3\n"],
    ["pairs", "backends:\n  - url: http://a:1\n  - { url: 'http://b:2', weight: 3 }\n"],
    ["one text, as in the environment", "backends: http://a:1, http://b:2; weight=3\n"],
  ])("can be %s", async (_, yaml) => {
    expect((await accepted(yaml)).backends).toEqual([
      { url: "http://a:1", weight: 1 },
      { url: "http://b:2", weight: 3 },
    ]);
  });

  test("can be empty, which is more than not set", async () => {
    expect((await accepted("admin_allow: []\n")).admin.allow).toEqual([]);
    expect((await accepted(null, { ADMIN_ALLOW: "none" })).admin.allow).toEqual([]);
  });

  test.each([
    ["- url: 1", 2, "backend 1: url: must be one URL"],
    ["- { url: 'http://a', weight: }", 2, "backend 1: weight: must be a number"],
    ["- { weight: 2 }", 2, "backend 1 has no url"],
    ["- [http://a]", 2, "backend 1 must be a URL, or url: with weight: and max_in_flight:"],
    ["- 'http://a,http://b'", 2, "backend 1 is more than one URL"],
  ])("cannot hold %s", async (item, line, why) => {
    expect(await problems(`backends:\n  ${item}\n`)).toEqual([
      `gateway.yaml:${line}: backends: ${why}`,
    ]);
  });

  test("is wrong where its items are, on each one's line", async () => {
    const list = "# - url\n- url: http://b\n  wieght: 2\n\n- weight: 2\n";
    for (const [yaml, first] of [
      [`backends:\n- http://a\n${list}`, 5],
      [`port: 1\nbackends:\n  - http://a\n${list.replace(/^(?=.)/gm, "  ")}workers: 1\n`, 6],
    ] as const) {
      expect(await problems(yaml)).toEqual([
        `gateway.yaml:${first}: backends: backend 2: wieght: unknown key; known are url, weight, max_in_flight`,
        `gateway.yaml:${first + 2}: backends: backend 3 has no url`,
      ]);
    }
  });

  test("is wrong on its key's line when it is all on one", async () => {
    expect(await problems("\nbackends: [{ wieght: 2 }]\n")).toEqual([
      "gateway.yaml:2: backends: backend 1: wieght: unknown key; known are url, weight, max_in_flight",
    ]);
    expect(await problems("backends: { url: http://a }\n")).toEqual([
      "gateway.yaml:1: backends: must be a list of URLs, or of url: with weight: and max_in_flight:",
    ]);
  });
});

test("backends at metadata addresses are accepted only when asked for", async () => {
  const env = { BACKENDS: "http://10.0.0.1,http://169.254.169.254:80" };
  expect(await problems(null, env)).toEqual([
    "environment: BACKENDS: http://169.254.169.254 is a link-local or metadata address; accepted only with ALLOW_LINK_LOCAL=on",
  ]);
  expect(await problems("\nbackends: http://169.254.169.254/\n")).toEqual([
    expect.stringMatching(
      /^gateway\.yaml:2: backends: http:\/\/169\.254\.169\.254 is a link-local/,
    ),
  ]);
  expect((await accepted(null, { ...env, ALLOW_LINK_LOCAL: "on" })).backends).toHaveLength(2);
});

describe("problems", () => {
  test("are reported all at once, each with its place", async () => {
    const yaml = "# comment\nport: 99999\nhealth_intervall: 2s\n\nworkers: [1]\nport: 1\n";
    expect(await problems(yaml, { LOG_LEVEL: "loud" })).toEqual([
      "gateway.yaml:6: port: already set on line 2",
      'gateway.yaml:3: "health_intervall": unknown key; did you mean health_interval?',
      "gateway.yaml:5: workers: must be a single value; accepted: a whole number from 1 to 64",
      'environment: LOG_LEVEL: "loud" is refused; accepted: debug or info or warn or error',
    ]);
  });

  test("stand in the file also when the environment overrides it", async () => {
    expect(await problems("port: x\n", { PORT: "1" })).toEqual([
      'gateway.yaml:1: port: "x" is refused; accepted: a whole number from 0 to 65535',
    ]);
  });

  test("of nested keys point to the flat ones", async () => {
    expect(await problems("health:\n  rise: 2\n")).toEqual([
      'gateway.yaml:1: "health": unknown key; did you mean health_path, health_interval, health_timeout, health_rise, health_fall, health_status?',
    ]);
  });

  test("of a key in capitals point to the one in small letters alone", async () => {
    expect(await problems("PORT: 3030\n")).toEqual([
      'gateway.yaml:1: "PORT": unknown key; did you mean port?',
    ]);
  });

  test.each([
    ["an open bracket", "port: 1\nadmin_allow: [a,\nworkers: 2\n", 2, "Unexpected token"],
    [
      "an indentation that fits nowhere",
      "port: 1\nbackends:\n  - a\n - b\n",
      4,
      "Unexpected token",
    ],
    ["a broken first line", "port: [\n", 1, "Unexpected token"],
    ["a tab", "port: 1\n\tworkers: 2\n", 2, "Tab characters cannot be used as indentation"],
  ])("of YAML itself name the line and the reason: %s", async (_, yaml, line, why) => {
    expect(await problems(yaml)).toEqual([`gateway.yaml:${line}: not valid YAML: ${why}`]);
  });

  test.each(["- a\n- b\n", "just text\n"])("of a document without keys: %j", async (yaml) => {
    expect(await problems(yaml)).toEqual([
      "gateway.yaml: must hold keys and values, such as port: 3030",
    ]);
  });

  test("of a file that cannot be read say why", () => {
    const at = (file: string) => loadConfig({ file, env: {}, terminal: false });
    expect(at("/nonexistent/x.yaml")).toEqual({
      ok: false,
      problems: ["/nonexistent/x.yaml: cannot be read: there is no such file"],
    });
    expect(at("/")).toEqual({ ok: false, problems: ["/: cannot be read: it is a directory"] });
  });

  test("an empty file is no problem", async () => {
    expect(await problems("")).toEqual([]);
    expect(await problems("# nothing\n")).toEqual([]);
  });
});

describe("secrets", () => {
  const secret = "p4ss-w0rd";

  test.each([
    ["a token with a space", "ADMIN_TOKEN", `${secret} x`],
    ["a database of another kind", "DATABASE_URL", `mysql://user:${secret}@host/db`],
    ["a password with a slash", "DATABASE_URL", `postgres://user:a/${secret}@host:x/db`],
    ["a password in the query", "DATABASE_URL", `mysql://host/db?password=${secret}&x=1`],
    ["a database without a scheme", "DATABASE_URL", `user:${secret}@host/db`],
    ["a database without a host", "DATABASE_URL", `postgres://user:${secret}`],
    ["credentials of a backend", "BACKENDS", `http://a:1,http://user:${secret}@host`],
    ["credentials of one without a scheme", "BACKENDS", `user:${secret}@host:80`],
  ])("are not in the problem: %s", async (_, name, value) => {
    const found = await problems(null, { [name]: value });
    expect(found).toHaveLength(1);
    expect(found[0]).toContain(name);
    expect(found[0]).not.toContain(secret);
  });

  test("are not in the summary", async () => {
    const result = await load(null, {
      ADMIN_TOKEN: secret,
      DATABASE_URL: `postgres://user:${secret}@host/db`,
    });
    if (!result.ok) throw new Error(result.problems.join("\n"));
    const text = settledText(result.settled);
    expect(text).not.toContain(secret);
    expect(text).toMatch(/ADMIN_TOKEN +\*\*\* +\(environment\)/);
    expect(text).toContain("postgres://user:***@host/db");
    expect(JSON.stringify(result.config)).toContain(secret);
  });

  test("in the file must be texts, because YAML would change a number", async () => {
    expect(await problems("admin_token: 0123456789\n")).toEqual([
      "gateway.yaml:1: admin_token: must be a text in quotes",
    ]);
    expect((await accepted("admin_token: '0123456789'\n")).admin.token).toBe("0123456789");
  });
});

describe("warnings", () => {
  const warnings = async (env: Record<string, string>) => {
    const result = await load(null, env);
    return result.ok ? result.warnings : result.problems;
  };

  test("say that there are no backends, and that a token is short", async () => {
    expect(await warnings({ ADMIN_TOKEN: "short" })).toEqual([
      "no BACKENDS are set: every forwarded request is answered with 503",
      "ADMIN_TOKEN is shorter than 16 characters and can be guessed",
    ]);
    expect(await warnings({ BACKENDS: "http://a", ADMIN_TOKEN: "x".repeat(16) })).toEqual([]);
  });

  test("say that everybody may use the control routes through a proxy that is allowed to", async () => {
    const through = (proxies: string, env: Record<string, string> = {}) =>
      warnings({ BACKENDS: "http://a", TRUSTED_PROXIES: proxies, ...env });
    const expected = (proxies: string) => [
      `ADMIN_ALLOW admits TRUSTED_PROXIES (${proxies}), and with them whoever they let through to ` +
        "the control routes; set ADMIN_TOKEN",
    ];
    for (const proxies of ["127.0.0.1/32", "0.0.0.0/0", "10.0.0.1,::1"]) {
      expect(await through(proxies)).toEqual(expected(proxies));
      expect(await through(proxies, { ADMIN_TOKEN: "x".repeat(16) })).toEqual([]);
      expect(await through(proxies, { ADMIN_ALLOW: "none" })).toEqual([]);
    }
    expect(await through("10.0.0.0/8")).toEqual([]);
    expect(await through("10.0.0.0/8", { ADMIN_ALLOW: "10.9.0.0/16" })).toEqual(
      expected("10.0.0.0/8"),
    );
  });
});

test("the table for the README has a row for every setting and no broken cell", () => {
  const rows = settingsMarkdown().split("\n").slice(2);
  expect(rows).toHaveLength(SETTING_NAMES.length);
  for (const row of rows) expect(row.match(/\|/g)).toHaveLength(5);
});
