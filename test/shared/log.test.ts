import { describe, expect, test } from "bun:test";
import { LineBatch } from "../../src/shared/line-batch.ts";
import { createLogger, type LogFields, type LoggerOptions } from "../../src/shared/log.ts";

const NOON = Date.UTC(2025, 5, 1, 12);

function capture(options: Partial<LoggerOptions> = {}) {
  const lines: string[] = [];
  const log = createLogger({
    level: "debug",
    format: "json",
    component: "gateway",
    writer: { write: (line) => lines.push(line) },
    now: () => NOON,
    ...options,
  });
  return { log, lines };
}

function json(fields: LogFields, message = "m"): Record<string, unknown> {
  const { log, lines } = capture();
  log.info(message, fields);
  expect(lines).toHaveLength(1);
  return JSON.parse(lines[0]!) as Record<string, unknown>;
}

describe("a JSON line", () => {
  test("carries time, level, component, message and the fields in this order", () => {
    const { log, lines } = capture();
    log.child("load_balancer").warn("backend is down", { url: "http://a:1", tries: 3, last: null });
    expect(lines).toEqual([
      '{"time":"2025-06-01T12:00:00.000Z","level":"warn","component":"load_balancer","message":"backend is down","url":"http://a:1","tries":3,"last":null}\n',
    ]);
  });

  test("leaves out what is undefined and spells what JSON has no number for", () => {
    expect(json({ a: undefined, b: Number.NaN, c: Infinity, d: false })).toEqual({
      time: "2025-06-01T12:00:00.000Z",
      level: "info",
      component: "gateway",
      message: "m",
      b: "NaN",
      c: "Infinity",
      d: false,
    });
  });

  test("keeps a field from passing for the line's own", () => {
    expect(json({ level: "debug", message: "other" })).toMatchObject({
      level: "info",
      message: "m",
      level_: "debug",
      message_: "other",
    });
  });
});

describe("text from a stranger", () => {
  const hostile = 'a\nb\r\u001b[31m\u009b31m\u2028\u202e"\\\u0000\u007f';
  // oxlint-disable-next-line no-control-regex -- control characters are what it is about
  const control = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/;

  test.each(["json", "text"] as const)("cannot break or forge a %s line", (format) => {
    const { log, lines } = capture({ format });
    log.info(hostile, { value: hostile, [hostile]: 1 });
    expect(lines).toHaveLength(1);
    expect(lines[0]!.match(/\n/g)).toHaveLength(1);
    expect(lines[0]).toEndWith("\n");
    expect(lines[0]).not.toMatch(control);
  });

  test("comes back whole from the JSON", () => {
    expect(json({ value: hostile }, hostile)).toMatchObject({ message: hostile, value: hostile });
  });
});

test("a text line is aligned and quotes only what needs it", () => {
  const { log, lines } = capture({ format: "text" });
  log.info("listening", { port: 3030, url: "http://a:1", note: "two words", empty: "" });
  expect(lines).toEqual([
    '2025-06-01T12:00:00.000Z info  gateway       listening port=3030 url=http://a:1 note="two words" empty=""\n',
  ]);
});

test("events below the level are silent, and so are those of a child", () => {
  const { log, lines } = capture({ level: "warn" });
  log.debug("no");
  log.info("no");
  log.child("other").info("no");
  log.warn("yes");
  log.error("yes");
  expect(lines).toHaveLength(2);
});

describe("a line batch", () => {
  test("hands lines on together, in order, after its delay", async () => {
    const { promise, resolve } = Promise.withResolvers<string>();
    const batch = new LineBatch(resolve, { delayMs: 5 });
    batch.write("one\n");
    batch.write("two\n");
    expect(await promise).toBe("one\ntwo\n");
  });

  test("hands on at once when it is full, and again after that", () => {
    const sunk: string[] = [];
    const batch = new LineBatch((lines) => sunk.push(lines), { delayMs: 60_000, maxLength: 8 });
    batch.write("one\n");
    expect(sunk).toEqual([]);
    batch.write("two\n");
    batch.write("three\n");
    expect(sunk).toEqual(["one\ntwo\n"]);
    batch.flush();
    batch.flush();
    expect(sunk).toEqual(["one\ntwo\n", "three\n"]);
  });
});
