import { describe, expect, test } from "bun:test";
import { type Command, parseArguments } from "../../src/cli/arguments.ts";

const SERVE: Command = { name: "serve", config: null };

describe("accepted", () => {
  const cases: [string, Command][] = [
    ["", SERVE],
    ["serve", SERVE],
    ["--config a.yaml", { ...SERVE, config: "a.yaml" }],
    ["serve --config=a.yaml", { ...SERVE, config: "a.yaml" }],
    ["demo", { name: "demo" }],
    ["check", { name: "check", config: null }],
    ["check --config a.yaml", { name: "check", config: "a.yaml" }],
    ["check --url http://[::1]:3030/x", { name: "probe", url: "http://[::1]:3030/x" }],
    ["hello", { name: "hello", host: "::", port: 8080, label: null, withStdin: false }],
    [
      "hello --host ::1 --port 0 --name x --with-stdin",
      { name: "hello", host: "::1", port: 0, label: "x", withStdin: true },
    ],
    ["--help", { name: "help" }],
    ["-h", { name: "help" }],
    ["help", { name: "help" }],
    ["demo --help", { name: "help" }],
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
    ["serve extra", 'unexpected argument "extra"'],
    ["serve -- extra", 'unexpected argument "extra"'],
    ["serve -x", 'unknown option "-x" of serve'],
    ["serve --help=yes", "--help takes no value"],
    ["check --url ftp://a", "--url needs a URL that starts with http:// or https://"],
    ["check --url nonsense", "--url needs a URL that starts with http:// or https://"],
    [
      "check --url http://a --config b",
      "--url checks a running gateway, --config a file: not both",
    ],
    ["hello --port 65536", "--port needs a number from 0 to 65535"],
    ["hello --port x", "--port needs a number from 0 to 65535"],
  ])("%j", (line, message) => {
    expect(parseArguments(line.split(" "))).toEqual({ ok: false, message });
  });
});
