// What counts as a place in a trace, and where one starts (W3C Trace Context, §2.3, §3.2 and §4).

import { describe, expect, test } from "bun:test";
import { createSampler } from "../../../src/data/tracing/sampler.ts";
import { Field } from "../../../src/data/http1/field-names.ts";
import {
  idText,
  readTraceparent,
  SPAN_EIGHTS,
  TRACE_EIGHTS,
  TraceIds,
  traceparent,
} from "../../../src/data/tracing/trace-context.ts";
import { TracePlace, Tracing } from "../../../src/data/tracing/tracing.ts";

const TRACE = "0af7651916cd43dd8448eb211c80319c";
const SPAN = "b7ad6b7169203331";

const drawn = (ids: TraceIds, eights: number): string => {
  const at = ids.draw(eights);
  return idText(ids.stock, at, at + eights);
};

describe("a traceparent", () => {
  test.each([
    [`00-${TRACE}-${SPAN}-01`, true],
    [`00-${TRACE}-${SPAN}-00`, false],
    [`00-${TRACE}-${SPAN}-ff`, true],
    [`00-${TRACE}-${SPAN}-02`, false],
    [`cc-${TRACE}-${SPAN}-01-what-the-future-brings`, true],
    [`01-${TRACE}-${SPAN}-00`, false],
  ])("%s is one", (value, sampled) => {
    expect(readTraceparent(value)).toEqual({ traceId: TRACE, parentId: SPAN, sampled });
  });

  test.each([
    "",
    `00-${TRACE}-${SPAN}`,
    `00-${TRACE}-${SPAN}-0`,
    `00-${TRACE}-${SPAN}-1g`,
    `ff-${TRACE}-${SPAN}-01`,
    `00-${TRACE}-${SPAN}-01-more`,
    `01-${TRACE}-${SPAN}-01.more`,
    `00-${TRACE.toUpperCase()}-${SPAN}-01`,
    `00-${"0".repeat(32)}-${SPAN}-01`,
    `00-${TRACE}-${"0".repeat(16)}-01`,
    `00-${TRACE}0-${SPAN}-01`,
    ` 00-${TRACE}-${SPAN}-01`,
    // Two lines, joined.
    `00-${TRACE}-${SPAN}-01, 00-${TRACE}-${SPAN}-01`,
  ])("%p is none", (value) => {
    expect(readTraceparent(value)).toBeNull();
  });

  test("that is made can be read", () => {
    const ids = new TraceIds();
    const seen = new Set<string>();
    for (let i = 0; i < 1000; i++) {
      const [traceId, parentId] = [drawn(ids, TRACE_EIGHTS), drawn(ids, SPAN_EIGHTS)];
      const sampled = i % 2 === 0;
      expect(readTraceparent(traceparent({ traceId, forwardId: parentId, sampled }))).toEqual({
        traceId,
        parentId,
        sampled,
      });
      seen.add(traceId).add(parentId);
    }
    expect(seen.size).toBe(2000);
  });
});

describe("a request", () => {
  const begin = (
    given: string | null,
    options: Partial<ConstructorParameters<typeof Tracing>[0]>,
  ) => {
    const exchange = new TracePlace();
    const fields = {
      has: (id: number) => id === Field.TRACEPARENT && given !== null,
      get: (name: string) => (name === "traceparent" ? given : null),
    };
    const sampler = "parentbased_always_on";
    new Tracing({ sampler, ratio: 1, recording: false, ...options }).begin(exchange, fields);
    return exchange;
  };

  test("without spans of ours passes on what came", () => {
    const exchange = begin(`00-${TRACE}-${SPAN}-01`, {});
    expect(exchange).toMatchObject({ traceId: TRACE, parentId: SPAN, traced: false });
  });

  test("starts a trace where none, or none that is valid, came", () => {
    for (const given of [null, "00-0-0-01"]) {
      const exchange = begin(given, {});
      const sent = readTraceparent(traceparent(exchange));
      expect(exchange.traced).toBe(true);
      expect(sent).toEqual({
        traceId: exchange.traceId,
        parentId: exchange.forwardId,
        sampled: true,
      });
      expect(exchange.parentId).toBe("");
    }
  });

  test("with spans of ours puts them between caller and backend", () => {
    const exchange = begin(`00-${TRACE}-${SPAN}-01`, { recording: true });
    expect(exchange).toMatchObject({ traceId: TRACE, parentId: SPAN, sampled: true });
    expect(traceparent(exchange)).toBe(`00-${TRACE}-${exchange.forwardId}-01`);
    expect(new Set([exchange.spanId, exchange.forwardId, SPAN, ""]).size).toBe(4);
  });

  test("keeps the caller's wish not to be recorded", () => {
    const exchange = begin(`00-${TRACE}-${SPAN}-00`, { recording: true });
    expect(exchange.sampled).toBe(false);
    expect(traceparent(exchange)).toEndWith("-00");
  });
});

describe("the sampler", () => {
  test.each([
    ["always_on", [true, true, true]],
    ["always_off", [false, false, false]],
    ["parentbased_always_on", [true, false, true]],
    ["parentbased_always_off", [true, false, false]],
  ] as const)("%s decides by the caller as its name says", (name, wanted) => {
    const sampler = createSampler(name, 1);
    expect([true, false, null].map((parent) => sampler({ traceId: TRACE }, parent))).toEqual([
      ...wanted,
    ]);
  });

  test("by ratio takes its share, and those a smaller one takes", () => {
    const ids = new TraceIds();
    const traces = Array.from({ length: 20_000 }, () => drawn(ids, TRACE_EIGHTS));
    const taken = (ratio: number) =>
      new Set(traces.filter((traceId) => createSampler("traceidratio", ratio)({ traceId }, null)));
    expect([taken(0).size, taken(1).size]).toEqual([0, traces.length]);
    const [tenth, third] = [taken(0.1), taken(0.3)];
    expect(tenth.size / traces.length).toBeWithin(0.085, 0.115);
    expect(third.size / traces.length).toBeWithin(0.28, 0.32);
    expect(tenth.isSubsetOf(third)).toBe(true);
    expect(createSampler("parentbased_traceidratio", 0)({ traceId: TRACE }, true)).toBe(true);
  });
});
