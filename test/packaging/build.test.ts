// `bun run build`, as somebody sees it who ran it.

import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ROOT = join(import.meta.dir, "../..");

test("a build ends with what was built, and how large it is", async () => {
  const folder = await mkdtemp(join(tmpdir(), "gateway-build-"));
  try {
    const file = join(folder, "gateway");
    const child = Bun.spawn(["sh", ".ci/build", "", file], { cwd: ROOT, stdout: "pipe" });
    const said = await new Response(child.stdout).text();
    expect(await child.exited).toBe(0);
    expect(said).toBe(`built ${file}, ${Math.floor(Bun.file(file).size / 1e6)} MB\n`);
  } finally {
    await rm(folder, { recursive: true });
  }
}, 60_000);
