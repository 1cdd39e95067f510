import { expect, test } from "bun:test";
import { MessageWriter } from "../../../src/data/http1/message-writer.ts";
import {
  END_LINE_BYTES,
  END_LINES,
  endOf,
  newRequestIds,
  NO_ID,
} from "../../../src/data/proxy/request-ids.ts";

test("every id is another, over sources and thousands of requests, and its line says it", () => {
  const seen = new Set<string>();
  for (const next of [newRequestIds(), newRequestIds()]) {
    const place = { idStart: NO_ID, idEnd: 0 };
    for (let i = 0; i < 10_000; i++) {
      next(place);
      const { idStart, idEnd } = place;
      const id = idStart.digits.text + endOf(idEnd);
      expect(id).toMatch(/^[0-9a-f]{16}-[0-9a-f]{12}$/);
      seen.add(id);
      const writer = new MessageWriter();
      writer.phrase(idStart.line).part(END_LINES, idEnd, END_LINE_BYTES);
      const line = writer.bytes.toString("latin1", 0, writer.used);
      expect(line).toBe(`X-Request-Id: ${id}\r\n`);
    }
  }
  expect(seen.size).toBe(20_000);
});
