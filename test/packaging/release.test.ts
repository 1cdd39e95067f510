// A release: an executable for each platform that is what its name says, checksums that agree, and a
// bill of materials that its standard's own schema accepts.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Spec, Validation } from "@cyclonedx/cyclonedx-library";
import pkg from "../../package.json" with { type: "json" };
import { release, TARGETS } from "../../src/packaging/release.ts";

let folder: string;
const said: string[] = [];
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-release-"));
  await release(folder, (line) => said.push(line));
}, 300_000);
afterAll(() => rm(folder, { recursive: true }));

const BILL = `gateway-${pkg.version}.cdx.json`;
const fileOf = (platform: string) => join(folder, `gateway-${pkg.version}-${platform}`);

test("has a file for every platform, and nothing else", async () => {
  const platforms = Object.keys(TARGETS).map((platform) => `gateway-${pkg.version}-${platform}`);
  expect((await readdir(folder)).toSorted()).toEqual([...platforms, BILL, "SHA256SUMS"].toSorted());
  expect(said).toEqual(platforms);
});

/** Machines: e_machine of ELF, cputype of Mach-O. */
const MACHINES = {
  "linux-x64": { machine: 62, loader: "/lib64/ld-linux-x86-64.so.2" },
  "linux-arm64": { machine: 183, loader: "/lib/ld-linux-aarch64.so.1" },
  "linux-x64-musl": { machine: 62, loader: "/lib/ld-musl-x86_64.so.1" },
  "linux-arm64-musl": { machine: 183, loader: "/lib/ld-musl-aarch64.so.1" },
  "macos-x64": { machine: 0x01000007, loader: "/usr/lib/dyld" },
  "macos-arm64": { machine: 0x0100000c, loader: "/usr/lib/dyld" },
};

test.each(Object.entries(MACHINES))("%s is for that machine", async (platform, expected) => {
  const head = Buffer.from(await Bun.file(fileOf(platform)).slice(0, 65_536).arrayBuffer());
  const isElf = head.readUInt32BE(0) === 0x7f454c46;
  expect(isElf).toBe(platform.startsWith("linux"));
  if (!isElf) expect(head.readUInt32LE(0)).toBe(0xfeedfacf);
  expect(isElf ? head.readUInt16LE(18) : head.readUInt32LE(4)).toBe(expected.machine);
  expect(head.includes(`${expected.loader}\0`)).toBe(true);
  // macOS on arm64 runs nothing without a signature (LC_CODE_SIGNATURE), be it ad hoc.
  if (!isElf) expect(loadCommands(head)).toContain(0x1d);
});

function loadCommands(head: Buffer): number[] {
  const commands: number[] = [];
  let at = 32;
  for (let left = head.readUInt32LE(16); left > 0; left--) {
    commands.push(head.readUInt32LE(at));
    at += head.readUInt32LE(at + 4);
  }
  return commands;
}

test("the one for this machine runs", () => {
  const platform = `${process.platform === "darwin" ? "macos" : "linux"}-${process.arch}`;
  const { stdout } = Bun.spawnSync([fileOf(platform), "--version"], { env: {} });
  expect(stdout.toString()).toBe(`gateway ${pkg.version}\n`);
});

test("checksums agree", async () => {
  const lines = (await Bun.file(join(folder, "SHA256SUMS")).text()).trimEnd().split("\n");
  expect(lines).toHaveLength(Object.keys(TARGETS).length + 1);
  for (const line of lines) {
    const [digest, file] = line.split("  ");
    const content = await Bun.file(join(folder, file!)).bytes();
    expect(new Bun.CryptoHasher("sha256").update(content).digest("hex")).toBe(digest!);
  }
});

interface Bill {
  readonly metadata: { readonly component: { readonly name: string; readonly version: string } };
  readonly components: readonly {
    readonly name: string;
    readonly group?: string;
    readonly version: string;
    readonly purl: string;
    readonly hashes?: readonly { readonly alg: string; readonly content: string }[];
  }[];
}

test("the bill of materials is CycloneDX 1.6 and names what is inside", async () => {
  const text = await Bun.file(join(folder, BILL)).text();
  const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6);
  expect(await validator.validate(text)).toBeNull();
  expect(await validator.validate(text.replace('"components"', '"compnents"'))).not.toBeNull();
  const bill = JSON.parse(text) as Bill;
  expect(bill.metadata.component).toMatchObject({ name: "gateway", version: pkg.version });
  const purls = bill.components.map(({ purl }) => purl);
  expect(purls).toContain(`pkg:npm/bun@${Bun.version}`);
  for (const [name, version] of Object.entries(pkg.dependencies)) {
    expect(purls).toContain(`pkg:npm/${name.replace("@", "%40")}@${version}`);
  }
  // Of the page, which is bundled apart.
  expect(purls).toContain(`pkg:npm/preact@${pkg.devDependencies.preact}`);
  // Of the tools, which are not in it.
  expect(purls.filter((purl) => /oxlint|playwright|drizzle-kit|fast-check/.test(purl))).toEqual([]);
  const hashed = bill.components.filter(({ hashes }) => hashes?.[0]?.alg === "SHA-512");
  expect(hashed).toHaveLength(bill.components.length - 1);
});
