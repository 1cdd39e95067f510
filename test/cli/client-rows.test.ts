// Files of clients: what is read, what is refused and where, and that an export can be read again.

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { formatOf, readRows } from "../../src/cli/remote/client-rows.ts";
import { csvLine, readCsv } from "../../src/cli/remote/csv.ts";

const HEADER = "client_id,capacity,rate_per_sec,current_tokens\n";

function clientsIn(text: string, format: "csv" | "jsonl") {
  const { good, refused } = readRows(text, format);
  return { clients: good.map(({ line, client }) => [line, client]), refused };
}

describe("CSV", () => {
  test("columns in any order, quotes, CRLF, a byte order mark and blank lines", () => {
    const text = '\uFEFFcapacity,"client_id",rate_per_sec\r\n10,a,0.5\r\n\r\n"20", b:1 ,1e3\r\n';
    expect(clientsIn(text, "csv")).toEqual({
      clients: [
        [2, { client_id: "a", capacity: 10, rate_per_sec: 0.5 }],
        [4, { client_id: "b:1", capacity: 20, rate_per_sec: 1000 }],
      ],
      refused: [],
    });
  });

  test("no current_tokens in a row means that it is not given", () => {
    const { clients } = clientsIn(`${HEADER}a,10,1,\nb,10,1,0`, "csv");
    expect(clients).toEqual([
      [2, { client_id: "a", capacity: 10, rate_per_sec: 1 }],
      [3, { client_id: "b", capacity: 10, rate_per_sec: 1, current_tokens: 0 }],
    ]);
  });

  test.each([
    ["a,10", "has 2 fields, and the first line 4"],
    [",10,1,", "client_id is missing"],
    [
      "a b,10,1,",
      'client_id must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ - (but not . or ..), not "a b"',
    ],
    [
      "..,10,1,",
      'client_id must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ - (but not . or ..), not ".."',
    ],
    ["a,,1,", "capacity is missing"],
    ["a,0x10,1,", 'capacity must be a number from 1 to 1000000000, not "0x10"'],
    ["a,10,0,", 'rate_per_sec must be a number above 0, at most 1000000000, not "0"'],
    ["a,10,NaN,", 'rate_per_sec must be a number above 0, at most 1000000000, not "NaN"'],
    ["a,10,1,11", "current_tokens must be at most the capacity, 10, not 11"],
    ['"a"x,10,1,', "a quote is out of place"],
    ['a"b,10,1,', "a quote is out of place"],
    ["ok,9,9,", "ok is in line 2 already"],
  ])("refuses %j and goes on", (row, why) => {
    const { good, refused } = readRows(`${HEADER}ok,1,1,\n${row}\nlast,1,1,`, "csv");
    expect(refused).toEqual([{ line: 3, why }]);
    expect(good.map(({ client }) => client.client_id)).toEqual(["ok", "last"]);
  });

  test.each([
    ["", "the file is empty"],
    [
      "a,10,1",
      "the first line must name the columns: client_id,capacity,rate_per_sec and, if wanted, current_tokens",
    ],
    ["client_id,capacity,rate", '"rate" is no field of a client; did you mean rate_per_sec?'],
    ["client_id,capcity", '"capcity" is no field of a client; did you mean capacity?'],
    ["client_id,capacity,capacity", "the column capacity comes twice"],
  ])("refuses the file that begins with %j", (text, why) => {
    expect(readRows(text, "csv")).toEqual({ good: [], refused: [{ line: 1, why }] });
  });

  test("counts lines inside quotes", () => {
    const { refused } = readRows(`${HEADER}"a\nb",1,1,\nc,x,1,`, "csv");
    expect(refused.map(({ line }) => line)).toEqual([2, 4]);
  });

  test("any fields, written and read again, are the same", () => {
    fc.assert(
      fc.property(fc.array(fc.array(fc.string(), { minLength: 2, maxLength: 5 })), (records) => {
        const text = records.map((fields) => `${csvLine(fields)}\n`).join("");
        expect([...readCsv(text)].map(({ fields }) => fields)).toEqual(records);
      }),
    );
  });

  test("no text makes it stop early or loop", () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom("a", ",", '"', "\n", "\r") }), (text) => {
        const lines = text.split("\n").length;
        for (const { line } of readCsv(text)) expect(line).toBeLessThanOrEqual(lines);
      }),
    );
  });
});

describe("JSON lines", () => {
  test("one client on each line", () => {
    const text =
      '{"client_id":"a","capacity":10,"rate_per_sec":1e-3}\r\n\n{"rate_per_sec":1,"capacity":2,"client_id":"b","current_tokens":2}';
    expect(clientsIn(text, "jsonl")).toEqual({
      clients: [
        [1, { client_id: "a", capacity: 10, rate_per_sec: 0.001 }],
        [3, { client_id: "b", capacity: 2, rate_per_sec: 1, current_tokens: 2 }],
      ],
      refused: [],
    });
  });

  test.each([
    ["nonsense", "is no JSON; each line must be one object"],
    ["[1]", "must be an object, one on each line"],
    ["null", "must be an object, one on each line"],
    [
      '{"client_id":7}',
      "client_id must be 1 to 128 characters of A-Z a-z 0-9 . _ : @ - (but not . or ..), not 7",
    ],
    [
      '{"client_id":"a","capacity":"10","rate_per_sec":1}',
      'capacity must be a number from 1 to 1000000000, not "10"',
    ],
    [
      '{"client_id":"a","capacity":10,"rate_per_sec":1,"rate":1}',
      '"rate" is no field of a client; did you mean rate_per_sec?',
    ],
  ])("refuses %s", (line, why) => {
    expect(readRows(`\n${line}`, "jsonl")).toEqual({ good: [], refused: [{ line: 2, why }] });
  });
});

test.each([
  ["x.csv", "{}", "csv"],
  ["x.JSONL", "a", "jsonl"],
  ["x.ndjson", "a", "jsonl"],
  ["-", ' \n{"a":1}', "jsonl"],
  ["-", "client_id,capacity", "csv"],
  ["clients.txt", "", "csv"],
] as const)("the format of %s that begins with %j is %s", (file, text, format) => {
  expect(formatOf(file, text)).toBe(format);
});
