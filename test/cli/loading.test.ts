// The commands for people start at once because they load little: the walls that keep it so.

import { expect, test } from "bun:test";
import { dirname, join, relative } from "node:path";

const SRC = join(import.meta.dir, "../../src");
const transpiler = new Bun.Transpiler({ loader: "ts" });

/** Files and packages that loading the file loads; with `late`, also what it may load later. */
async function loaded(entry: string, late: boolean): Promise<string[]> {
  const seen = new Set([entry]);
  for (const file of seen) {
    if (!file.endsWith(".ts")) continue;
    for (const { path, kind } of transpiler.scanImports(await Bun.file(join(SRC, file)).text())) {
      if (kind === "dynamic-import" && !late) continue;
      seen.add(path.startsWith(".") ? relative(SRC, join(SRC, dirname(file), path)) : path);
    }
  }
  return [...seen];
}

const HEAVY =
  /^elysia|^@elysiajs|^drizzle-orm|^bun:sqlite|^(main|worker|app)\.ts|^control\/|^data\//;

test("the process is replaced before anything but the code for that is loaded", async () => {
  expect(await loaded("cli.ts", false)).toEqual(["cli.ts", "cli/environment.ts"]);
});

test.each([
  ["cli/run.ts", false],
  ["cli/remote.ts", true],
])("%s loads neither the gateway nor a framework nor a database", async (entry, late) => {
  const files = await loaded(entry, late);
  expect(files.length).toBeGreaterThan(10);
  expect(files.filter((file) => HEAVY.test(file))).toEqual([]);
});
