// Bundles the page. Called as a macro, so it runs when the executable is compiled, whose result
// then holds the finished files, and from source when they are first needed. A process of its own,
// because the bundler cannot be called from inside itself.

import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const ENTRIES = ["page.tsx", "page.css"];

export function bundlePage(): { readonly script: string; readonly style: string } {
  const folder = mkdtempSync(join(tmpdir(), "gateway-dashboard-"));
  try {
    const { exitCode, stderr } = Bun.spawnSync({
      cmd: [
        process.execPath,
        "build",
        ...ENTRIES,
        "--minify",
        "--target=browser",
        "--outdir",
        folder,
      ],
      env: { ...process.env, NODE_ENV: "production" },
      cwd: import.meta.dir,
    });
    if (exitCode !== 0) throw new Error(`the dashboard cannot be built: ${stderr.toString()}`);
    const read = (name: string): string => readFileSync(join(folder, name), "utf8");
    return { script: read("page.js"), style: read("page.css") };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
