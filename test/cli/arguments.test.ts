import { describe, expect, test } from "bun:test";
import { type Command, parseArguments } from "../../src/cli/arguments.ts";

const SERVE: Command = { name: "serve", config: null, takeover: false };
const HERE = { remote: { url: null, tokenFile: null, json: false } };

describe("accepted", () => {
  const cases: [string, Command][] = [
    ["", SERVE],
    ["serve", SERVE],
    ["--config a.yaml", { ...SERVE, config: "a.yaml" }],
    ["serve --config=a.yaml", { ...SERVE, config: "a.yaml" }],
    ["serve --takeover", { ...SERVE, takeover: true }],
    ["--takeover --config a.yaml", { ...SERVE, config: "a.yaml", takeover: true }],
    ["demo", { name: "demo" }],
    ["check", { name: "check", config: null }],
    ["check --config a.yaml", { name: "check", config: "a.yaml" }],
    ["check --url http://[::1]:3030/x", { name: "probe", url: "http://[::1]:3030/x" }],
    ["hello", { name: "hello", host: "::", port: 8080, label: null, withStdin: false }],
    [
      "hello --host ::1 --port 0 --name x --with-stdin",
      { name: "hello", host: "::1", port: 0, label: "x", withStdin: true },
    ],
    ["--help", { name: "help", topic: "" }],
    ["-h", { name: "help", topic: "" }],
    ["help", { name: "help", topic: "" }],
    ["help clients set", { name: "help", topic: "clients set" }],
    ["demo --help", { name: "help", topic: "demo" }],
    ["clients --help", { name: "help", topic: "clients" }],
    ["clients set -h", { name: "help", topic: "clients set" }],
    ["completion fish", { name: "completion", shell: "fish" }],
    ["status", { name: "status", ...HERE }],
    [
      "status --url http://a:1 --token-file t --json",
      { name: "status", remote: { url: "http://a:1", tokenFile: "t", json: true } },
    ],
    ["top", { name: "top", by: "rejected", limit: 20, intervalMs: 1000, ...HERE }],
    [
      "top --by admitted --limit 5 --interval 500ms",
      { name: "top", by: "admitted", limit: 5, intervalMs: 500, ...HERE },
    ],
    ["clients list", { name: "clients list", limit: null, after: null, ...HERE }],
    [
      "clients list --limit 3 --after a:b",
      { name: "clients list", limit: 3, after: "a:b", ...HERE },
    ],
    ["clients get -- -x-", { name: "clients get", clientId: "-x-", ...HERE }],
    [
      "clients set c --capacity 10 --rate 0.5 --tokens 0",
      {
        name: "clients set",
        clientId: "c",
        capacity: 10,
        ratePerSec: 0.5,
        currentTokens: 0,
        ...HERE,
      },
    ],
    ["clients delete a b", { name: "clients delete", clientIds: ["a", "b"], ...HERE }],
    ["clients reset a", { name: "clients reset", clientIds: ["a"], ...HERE }],
    [
      "clients import - --format csv --keep-going --dry-run",
      {
        name: "clients import",
        file: "-",
        format: "csv",
        keepGoing: true,
        dryRun: true,
        ...HERE,
      },
    ],
    [
      "clients export",
      { name: "clients export", file: null, format: null, withoutTokens: false, ...HERE },
    ],
    [
      "clients export a.csv --without-tokens",
      { name: "clients export", file: "a.csv", format: null, withoutTokens: true, ...HERE },
    ],
    ["--version", { name: "version" }],
    ["-V", { name: "version" }],
  ];
  test.each(cases)("%j", (line, command) => {
    expect(parseArguments(line.split(" ").filter(Boolean))).toEqual({ ok: true, command });
  });
});

describe("refused in one line", () => {
  test.each([
    ["srve", 'unknown command "srve"; did you mean serve?'],
    ["constructor", 'unknown command "constructor"'],
    ["serve --confg x", 'unknown option "--confg" of serve; did you mean --config?'],
    ["serve --constructor", 'unknown option "--constructor" of serve'],
    ["serve --url http://a", 'unknown option "--url" of serve'],
    ["--config", "--config needs a value"],
    ["--config=", "--config needs a value"],
    ["serve --config --help", "--config needs a value"],
    ["serve extra", 'unexpected argument "extra"'],
    ["serve -- extra", 'unexpected argument "extra"'],
    ["serve -x", 'unknown option "-x" of serve'],
    ["serve --help=yes", "--help takes no value"],
    [
      "check --url ftp://a",
      '--url needs a URL that starts with http:// or https://, not "ftp://a"',
    ],
    [
      "check --url ftp://u:hunter2@a",
      '--url needs a URL that starts with http:// or https://, not "ftp://u:***@a"',
    ],
    [
      "check --url nonsense",
      '--url needs a URL that starts with http:// or https://, not "nonsense"',
    ],
    [
      "check --url http://a --config b",
      "--url checks a running gateway, --config a file: not both",
    ],
    ["hello --port 65536", '--port needs a whole number from 0 to 65535, not "65536"'],
    ["hello --port x", '--port needs a whole number from 0 to 65535, not "x"'],
    ["clients", "clients needs one of list, get, set, delete, reset, import, export"],
    ["clients --json", "clients needs one of list, get, set, delete, reset, import, export"],
    ["clients lisst", 'unknown command "clients lisst"; did you mean clients list?'],
    ["clients get", "clients get needs a CLIENT_ID"],
    ["clients get a b", 'unexpected argument "b"'],
    [
      "clients get a/b",
      '"a/b" is no CLIENT_ID: 1 to 128 characters of A-Z a-z 0-9 . _ : @ - (but not . or ..)',
    ],
    [
      "clients set .. --rate 1",
      '".." is no CLIENT_ID: 1 to 128 characters of A-Z a-z 0-9 . _ : @ - (but not . or ..)',
    ],
    [
      "clients delete ok .",
      '"." is no CLIENT_ID: 1 to 128 characters of A-Z a-z 0-9 . _ : @ - (but not . or ..)',
    ],
    ["clients delete", "clients delete needs at least one CLIENT_ID"],
    ["clients set a", "nothing to set: give --capacity, --rate or --tokens"],
    ["clients set a --rate 0", '--rate needs a number above 0, at most 1000000000, not "0"'],
    ["clients set a --rate -1", '--rate needs a number above 0, at most 1000000000, not "-1"'],
    ["clients import", "clients import needs a FILE|-"],
    ["clients export --format xml", '--format needs csv or jsonl, not "xml"'],
    ["status --token secret", 'unknown option "--token" of status; did you mean --token-file?'],
    [
      "top --interval 1",
      '--interval needs a duration such as 500ms, 2s, 1.5m or 1h, from 200ms to 1m, not "1"',
    ],
    ["completion", "completion needs bash or zsh or fish"],
    ["completion tcsh", '"tcsh" is no SHELL: bash or zsh or fish'],
  ])("%j", (line, message) => {
    expect(parseArguments(line.split(" "))).toMatchObject({ ok: false, message });
  });

  test("says which command's help explains it", () => {
    expect(parseArguments(["clients", "set", "a"])).toMatchObject({ topic: "clients set" });
    expect(parseArguments(["clients", "x"])).toMatchObject({ topic: "clients" });
    expect(parseArguments(["--confg"])).toMatchObject({ topic: "" });
  });
});
