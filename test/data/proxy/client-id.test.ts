import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  ABSENT,
  clientIdOf,
  DOUBLED,
  ENCODED,
  findClientId,
  FOUND,
  TWICE,
} from "../../../src/data/proxy/client-id.ts";
import { CLIENT_ID } from "../../../src/shared/clients.ts";

const at = (query: string): string => `http://gateway.test/path${query}`;

describe("client_id in a URL", () => {
  test.each([
    ["", null],
    ["?", null],
    ["?a=1", null],
    ["?client_id=a", "a"],
    ["?x=1&client_id=a&y=2", "a"],
    ["?client_id=", ""],
    ["?client_id", ""],
    ["?client_id&a=1", ""],
    ["?client_id=a=b", "a=b"],
    ["?client_id=a%3Ab", "a:b"],
    ["?client%5Fid=a", "a"],
    ["?%63lient_id=a", "a"],
    ["?client_id=a+b", "a b"],
    ["?client_id=a%2Bb", "a+b"],
    ["?client_id=a%zz", "a%zz"],
    ["?client_idx=a", null],
    ["?xclient_id=a", null],
    ["?x=client_id=a", null],
    ["?Client_Id=a", null],
    ["?x=%26client_id=a", null],
    ["?client_id=a&client_id=b", DOUBLED],
    ["?client_id=a&client_id=a", DOUBLED],
    ["?client_id=a&client%5fid=b", DOUBLED],
    ["?client_id&client_id=", DOUBLED],
  ] as const)("%s", (query, expected) => {
    expect(clientIdOf(at(query))).toBe(expected);
  });

  test("a path that looks like a query is none", () => {
    expect(clientIdOf("http://gateway.test/client_id=a&client_id=b")).toBeNull();
  });

  test("reads what URLSearchParams reads", () => {
    const piece = fc.constantFrom(
      "client_id",
      "=",
      "&",
      "a",
      "%63",
      "%5F",
      "+",
      "?",
      "%",
      "client",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const query = `?${pieces.join("")}`;
        const all = new URLSearchParams(query).getAll("client_id");
        const found = clientIdOf(at(query));
        if (all.length > 1) expect(found).toBe(DOUBLED);
        else if (all.length === 0) expect(found).toBeNull();
        // What cannot be decoded is no id in either reading, however the two spell it.
        else if (CLIENT_ID.test(all[0]!)) expect(found).toBe(all[0]!);
        else expect(CLIENT_ID.test(String(found))).toBe(false);
      }),
      { numRuns: 2000 },
    );
  });
});

describe("client_id in the bytes of a target", () => {
  const found = (target: string) => {
    const place = { start: 0, end: 0 };
    const bytes = Buffer.from(`GET ${target} HTTP/1.1`, "latin1");
    const result = findClientId(bytes, 4, bytes.length - 9, place);
    return result === FOUND ? bytes.toString("latin1", place.start, place.end) : result;
  };

  test.each([
    ["/", ABSENT],
    ["/client_id=a", ABSENT],
    ["/?", ABSENT],
    ["/?client_id=a", "a"],
    ["/?x=1&client_id=a&y=2", "a"],
    ["?client_id=", ""],
    ["/?client_id", ""],
    ["/?client_id&a=%20", ""],
    ["/?a=%20+&client_id=a", "a"],
    ["/?client_id=a=b", "a=b"],
    ["/?client_idx=a&xclient_id=b", ABSENT],
    ["/?client_id=a&client_id", TWICE],
    ["/?client_id=a%3Ab", ENCODED],
    ["/?client_id=a+b", ENCODED],
    ["/?client%5Fid=a", ENCODED],
    ["/?client_id=a&client%5Fid=b", ENCODED],
  ])("%s", (target, expected) => {
    expect(found(target)).toBe(expected);
  });

  test("is what the decoded target says, or left to that", () => {
    const piece = fc.oneof(
      fc.constantFrom("client_id", "client_id=", "&", "=", "?", "a", "%63", "%", "+", "\xff"),
      fc.constantFrom("&client_id=", "lient_id", "client_i", "/"),
    );
    let told = 0;
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const target = `/${pieces.join("")}`;
        const result = found(target);
        if (result === ENCODED) return expect(target).toMatch(/[%+]/);
        told++;
        const spelt = result === ABSENT ? null : result === TWICE ? DOUBLED : result;
        expect(clientIdOf(target)).toBe(spelt as string);
      }),
      { numRuns: 5000 },
    );
    expect(told).toBeGreaterThan(1000);
  });
});
