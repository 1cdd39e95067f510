// Two processes with one database meet, however each names it.

import { afterAll, describe, expect, test } from "bun:test";
import { realpathSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { meetingPlace } from "../../../src/control/takeover/meeting-place.ts";
import { removeTemporaryFolders, temporaryFolder } from "../../support/database.ts";

afterAll(removeTemporaryFolders);

const placeOf = (path: string): string =>
  meetingPlace({ database: { kind: "sqlite", path }, host: "::", port: 1 });

describe("beside an embedded database", () => {
  test("the same by a link to the file and by one to its folder", () => {
    const folder = realpathSync(temporaryFolder());
    const elsewhere = temporaryFolder();
    writeFileSync(join(folder, "gateway.db"), "");
    symlinkSync(join(folder, "gateway.db"), join(elsewhere, "link.db"));
    symlinkSync(folder, join(elsewhere, "folder"));
    const place = join(folder, "gateway.db-takeover");
    expect(placeOf(join(folder, "gateway.db"))).toBe(place);
    expect(placeOf(join(elsewhere, "link.db"))).toBe(place);
    expect(placeOf(join(elsewhere, "folder", "gateway.db"))).toBe(place);
  });

  test("where there is no file yet", () => {
    const folder = realpathSync(temporaryFolder());
    expect(placeOf(join(folder, "gateway.db"))).toBe(join(folder, "gateway.db-takeover"));
  });
});
