// Rows become slots of the table: once each, and what the database holds now wins.

import { beforeEach, describe, expect, test } from "bun:test";
import { ClientRegistry } from "../../../src/control/clients/registry.ts";
import { type ClientRow, tokensNow } from "../../../src/control/clients/repository.ts";
import { ClientTable } from "../../../src/shared/client-table.ts";

const WALL = 1_000_000;
const row = (change: Partial<ClientRow> = {}): ClientRow => ({
  clientId: "a",
  capacity: 100,
  ratePerSec: 1,
  tokens: 40,
  tokensAt: WALL,
  version: 5,
  tokensVersion: 5,
  ...change,
});

describe("applying rows", () => {
  let registry: ClientRegistry;
  let table: ClientTable;

  beforeEach(() => {
    const memory = ClientTable.reserve({ maxClients: 2 });
    table = new ClientTable(memory);
    // Both clocks stand still, so nothing refills.
    registry = new ClientRegistry({ table, memory, clock: () => 1e9, wallClock: () => WALL });
  });

  test("the same row twice changes nothing the second time", () => {
    expect(registry.apply(row())).toBe("added");
    expect(registry.apply(row({ tokens: 99 }))).toBe("known");
    expect(registry.client("a")!.current_tokens).toBe(40);
  });

  test("a row of a database that was restored is applied, and gives no tokens back", () => {
    registry.apply(row({ version: 7, tokensVersion: 7, capacity: 100, tokens: 20 }));
    const older = row({ version: 6, tokensVersion: 6, capacity: 60, tokens: 60 });
    expect(registry.apply(older)).toBe("changed");
    expect(registry.client("a")).toMatchObject({ capacity: 60, current_tokens: 12 });
    expect(registry.versionOf("a")).toBe(6);
    // Version 7 anew, of other changes.
    const anew = row({ version: 7, tokensVersion: 6, capacity: 30 });
    expect(registry.holds(anew)).toBe(false);
    expect(registry.apply(anew)).toBe("changed");
    expect(registry.holds({ ...anew, capacity: 31 })).toBe(false);
    expect(registry.holds({ ...anew, ratePerSec: 2 })).toBe(false);
    expect(registry.holds(anew)).toBe(true);
  });

  test("a newer row keeps the fraction, unless its tokens were set since the known version", () => {
    registry.apply(row());
    registry.apply(row({ version: 6, capacity: 200, tokens: 1 }));
    expect(registry.client("a")!.current_tokens).toBe(80);
    // Set at a version that was missed, then changed again.
    registry.apply(row({ version: 9, tokensVersion: 8, capacity: 100, tokens: 3 }));
    expect(registry.client("a")!.current_tokens).toBe(3);
  });

  test("a removed client is forgotten with its version", () => {
    registry.apply(row({ version: 9 }));
    expect(registry.drop("a")).toBe(true);
    expect(registry.drop("a")).toBe(false);
    expect(registry.versionOf("a")).toBe(0);
    expect(registry.apply(row({ version: 1 }))).toBe("added");
  });

  test("a client named . or .. from before such ids were refused is still one", () => {
    expect(registry.apply(row({ clientId: "." }))).toBe("added");
    expect(registry.apply(row({ clientId: ".." }))).toBe("added");
    expect(registry.client("..")!.current_tokens).toBe(40);
  });

  test("a full table refuses another client and still changes those it holds", () => {
    registry.apply(row({ clientId: "a" }));
    registry.apply(row({ clientId: "b" }));
    expect(registry.full).toBe(true);
    expect(registry.apply(row({ clientId: "c" }))).toBe("full");
    expect(registry.apply(row({ clientId: "b", version: 6 }))).toBe("changed");
  });

  test("the clients that a look at the database did not meet are named", () => {
    registry.apply(row({ clientId: "a" }));
    registry.apply(row({ clientId: "b" }));
    const seen = new Uint8Array(registry.slots);
    seen[registry.slotOf("a")] = 1;
    expect(registry.idsOfUnseen(seen)).toEqual(["b"]);
    registry.drop("b");
    expect(registry.idsOfUnseen(seen)).toEqual([]);
  });
});

describe("tokens of a row at a later moment", () => {
  test.each([
    { after: 0, tokens: 40 },
    { after: 10_000, tokens: 50 },
    { after: 3_600_000, tokens: 100 },
    { after: -3_600_000, tokens: 40 },
  ])("$after ms later: $tokens", ({ after, tokens }) => {
    expect(tokensNow(row(), WALL + after)).toBe(tokens);
  });

  test("tokens above the capacity, as no gateway writes them, are cut", () => {
    expect(tokensNow(row({ tokens: 1e6 }), WALL)).toBe(100);
    expect(tokensNow(row({ tokens: -5 }), WALL)).toBe(0);
  });
});
