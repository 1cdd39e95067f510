import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { clientIdOf, DOUBLED } from "../../../src/data/proxy/client-id.ts";
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
