// `bun run release`: the executable for every platform into dist/, with checksums and the bill of
// materials. Bun fetches its runtime for the other platforms from the npm registry, once.

import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import pkg from "../../package.json" with { type: "json" };
import { ingredients } from "./ingredients.ts";
import { sbom } from "./sbom.ts";

/** By what ends the name of the file. */
export const TARGETS: Readonly<Record<string, Bun.Build.CompileTarget>> = {
  "linux-x64": "bun-linux-x64",
  "linux-arm64": "bun-linux-arm64",
  "linux-x64-musl": "bun-linux-x64-musl",
  "linux-arm64-musl": "bun-linux-arm64-musl",
  "macos-x64": "bun-darwin-x64",
  "macos-arm64": "bun-darwin-arm64",
};

const ROOT = join(import.meta.dir, "../..");
const { name, version, license } = pkg;

/** Throws when something cannot be built. `folder` is emptied first. */
export async function release(folder: string, say: (line: string) => void): Promise<void> {
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder, { recursive: true });
  for (const [platform, target] of Object.entries(TARGETS)) {
    const file = `${name}-${version}-${platform}`;
    build(target, join(folder, file));
    say(file);
  }
  const bill = sbom({ name, version, license, ingredients: await ingredients() });
  await Bun.write(join(folder, `${name}-${version}.cdx.json`), bill);
  await Bun.write(join(folder, "SHA256SUMS"), await checksums(folder));
}

/** The same command as `bun run build`, so that a release is what was tested. */
function build(target: string, file: string): void {
  const { exitCode, stderr } = Bun.spawnSync(["sh", ".ci/build", target, file], { cwd: ROOT });
  if (exitCode !== 0) throw new Error(`${target} cannot be built: ${stderr.toString()}`);
}

/** As `sha256sum --check` reads them. */
async function checksums(folder: string): Promise<string> {
  const lines = (await readdir(folder)).toSorted().map(async (file) => {
    const hasher = new Bun.CryptoHasher("sha256");
    for await (const chunk of Bun.file(join(folder, file)).stream()) hasher.update(chunk);
    return `${hasher.digest("hex")}  ${file}\n`;
  });
  return (await Promise.all(lines)).join("");
}

if (import.meta.main) {
  const folder = join(ROOT, "dist");
  await release(folder, (file) => console.log(`dist/${file}`));
  console.log(`dist/${name}-${version}.cdx.json\ndist/SHA256SUMS`);
}
