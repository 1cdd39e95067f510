// Which packages are inside the executable: asked of the bundler itself, so that nothing is listed
// that is not in it, and nothing is in it that is not listed.

import { join } from "node:path";

export interface Ingredient {
  readonly name: string;
  readonly version: string;
  /** SPDX expression, or whatever the package says. */
  readonly license: string;
  /** Of the archive in the registry, `sha512-…` (Subresource Integrity); null when unknown. */
  readonly integrity: string | null;
}

const ROOT = join(import.meta.dir, "../..");

/** Entry points of the executable, and of the page that is bundled into it. */
const ENTRIES = ["src/cli.ts", "src/worker.ts", "src/dashboard/page.tsx"];

/** A package's folder, the innermost where they are nested. */
const PACKAGE = /^(.*node_modules\/((?:@[^/]+\/)?[^/]+))\//;

/** Ordered by name. */
export async function ingredients(): Promise<Ingredient[]> {
  const built = await Bun.build({
    entrypoints: ENTRIES.map((entry) => join(ROOT, entry)),
    root: ROOT,
    target: "bun",
    metafile: true,
  });
  const folders = new Set(
    Object.keys(built.metafile!.inputs).flatMap((path) => PACKAGE.exec(path)?.[1] ?? []),
  );
  const integrities = await lockedIntegrities();
  const found = [...folders].map(async (folder) => {
    // Paths are relative to where the process runs.
    const { name, version, license } = (await Bun.file(join(folder, "package.json")).json()) as {
      name: string;
      version: string;
      license?: string;
    };
    const integrity = integrities.get(`${name}@${version}`) ?? null;
    return { name, version, license: license ?? "", integrity };
  });
  return (await Promise.all(found)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}

/** By `name@version`. */
async function lockedIntegrities(): Promise<Map<string, string>> {
  const lock = Bun.JSONC.parse(await Bun.file(join(ROOT, "bun.lock")).text()) as {
    packages: Record<string, readonly unknown[]>;
  };
  return new Map(
    Object.values(lock.packages).map((entry) => [String(entry[0]), String(entry.at(-1))]),
  );
}
