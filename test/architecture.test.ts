// Keeps the walls of the house: who may import whom, read from the source itself.

import { describe, expect, test } from "bun:test";
import { dirname, join, relative } from "node:path";
import { Glob } from "bun";

const SRC = join(import.meta.dir, "..", "src");
const transpiler = new Bun.Transpiler({ loader: "ts" });

interface Import {
  readonly from: string;
  readonly to: string;
  /** False for `import type`, which leaves nothing behind at run time. */
  readonly runtime: boolean;
  /** Loaded before the file's first line runs, not by `import()`. */
  readonly atOnce: boolean;
}

async function imports(): Promise<Import[]> {
  const found: Import[] = [];
  for await (const file of new Glob("**/*.ts").scan(SRC)) {
    const text = await Bun.file(join(SRC, file)).text();
    // scanImports drops type-only imports, so those are found by a plain scan of the text.
    const scanned = transpiler.scanImports(text);
    const runtime = new Set(scanned.map((entry) => entry.path));
    const statements = scanned.filter(({ kind }) => kind === "import-statement");
    const atOnce = new Set(statements.map((entry) => entry.path));
    const mentioned = [...text.matchAll(/\bfrom\s+"([^"]+)"|\bimport\("([^"]+)"\)/g)];
    const paths = new Set([...runtime, ...mentioned.map((match) => (match[1] ?? match[2])!)]);
    for (const path of paths) {
      const to = path.startsWith(".") ? relative(SRC, join(SRC, dirname(file), path)) : path;
      found.push({ from: file, to, runtime: runtime.has(path), atOnce: atOnce.has(path) });
    }
  }
  return found;
}

const all = await imports();
const room = (path: string): string => (path.includes("/") ? path.split("/")[0]! : path);
const isInternal = (path: string): boolean => path.endsWith(".ts") || path.startsWith("..");

function offenders(forbidden: (entry: Import) => boolean): string[] {
  return all.filter(forbidden).map((entry) => `${entry.from} imports ${entry.to}`);
}

describe("who may import whom", () => {
  test("the scan sees the imports it is about", () => {
    expect(all.length).toBeGreaterThan(50);
    expect(all.some((entry) => entry.from === "worker.ts" && entry.to === "app.ts")).toBe(true);
  });

  test("shared/ imports nothing else of src but the type of the configuration", () => {
    expect(
      offenders(
        ({ from, to, runtime }) =>
          room(from) === "shared" &&
          isInternal(to) &&
          room(to) !== "shared" &&
          !(to === "config.ts" && !runtime),
      ),
    ).toEqual([]);
  });

  test("data/ imports shared/, itself and the type of the configuration", () => {
    expect(
      offenders(
        ({ from, to, runtime }) =>
          room(from) === "data" &&
          isInternal(to) &&
          !["shared", "data"].includes(room(to)) &&
          !(to === "config.ts" && !runtime),
      ),
    ).toEqual([]);
  });

  test("control/ never imports data/", () => {
    expect(offenders(({ from, to }) => room(from) === "control" && room(to) === "data")).toEqual(
      [],
    );
  });

  test("nobody imports the roots but the roots", () => {
    expect(
      offenders(
        ({ from, to }) =>
          ["main.ts", "worker.ts"].includes(to) &&
          !["main.ts", "cli.ts"].includes(from) &&
          room(from) !== "cli",
      ),
    ).toEqual([]);
  });

  test("app.ts knows no service and no database", () => {
    expect(
      offenders(
        ({ from, to }) =>
          from === "app.ts" &&
          (/service|repository|persistence/.test(to) || to.includes("control/db")),
      ),
    ).toEqual([]);
  });
});

function reachableFrom(root: string, by: (entry: Import) => boolean): string[] {
  const reachable = new Set<string>([root]);
  for (const file of reachable) {
    for (const entry of all) {
      if (entry.from === file && by(entry)) reachable.add(entry.to);
    }
  }
  return [...reachable];
}

describe("what a worker loads", () => {
  test("neither drizzle nor SQL is reachable from worker.ts", () => {
    const reachable = reachableFrom("worker.ts", ({ runtime }) => runtime);
    expect(reachable.length).toBeGreaterThan(20);
    const forbidden = /^drizzle-orm|^bun:sqlite$|\.sql$|control\/db\//;
    expect(reachable.filter((path) => forbidden.test(path))).toEqual([]);
  });
});

describe("what a start waits for", () => {
  // Each of these takes 1 to 8 ms of CPU in every thread that loads it.
  const slow = /^node:(?!path$|os$)|^bun:|^drizzle-orm|^@opentelemetry/;

  test("a worker listens before it loads a module of Node", () => {
    const reachable = reachableFrom("worker.ts", ({ atOnce }) => atOnce);
    expect(reachable.length).toBeGreaterThan(20);
    expect(reachable.filter((path) => slow.test(path))).toEqual([]);
  });

  test("the main thread loads files and the database in use, nothing else that is slow", () => {
    const reachable = [
      ...reachableFrom("main.ts", ({ atOnce }) => atOnce),
      ...reachableFrom("control/db/store-sqlite.ts", ({ atOnce }) => atOnce),
    ];
    expect(reachable.length).toBeGreaterThan(40);
    const needed = /^node:fs$|^bun:sqlite$|^drizzle-orm(\/bun-sqlite|\/sqlite-core)?$/;
    expect(reachable.filter((path) => slow.test(path) && !needed.test(path))).toEqual([]);
  });
});
