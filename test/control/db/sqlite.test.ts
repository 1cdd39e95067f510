// The embedded database's file: private, used by one process, durable, and refused in one line.

import { afterAll, afterEach, describe, expect, test } from "bun:test";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import type { Subprocess } from "bun";
import { openStore } from "../../../src/control/db/store.ts";
import { EXIT, StartError } from "../../../src/shared/start-error.ts";
import { recordingLog, removeTemporaryFolders, temporaryFolder } from "../../support/database.ts";

afterAll(removeTemporaryFolders);

const newPath = (): string => join(temporaryFolder(), "gateway.db");
const open = (path: string, log = recordingLog().log) =>
  openStore({ kind: "sqlite", path }, { log });
const mode = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const definition = { capacity: 5, ratePerSec: 1, tokens: 5, tokensSet: true, at: 0 };

async function refusal(path: string): Promise<StartError> {
  try {
    await (await open(path)).close();
  } catch (error) {
    expect(error).toBeInstanceOf(StartError);
    expect((error as StartError).message).not.toContain("\n");
    return error as StartError;
  }
  throw new Error("it was opened");
}

const children: Subprocess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill("SIGKILL");
});

/** Runs a script in another process and resolves with its first line; it is killed at the end. */
async function otherProcess(script: string, path: string) {
  const child = Bun.spawn(
    [process.execPath, join(import.meta.dir, "../../support", script), path],
    {
      stdout: "pipe",
      stderr: "inherit",
    },
  );
  children.push(child);
  const reader = child.stdout.getReader();
  const { value } = await reader.read();
  return { child, said: new TextDecoder().decode(value).trim() };
}

describe("who may read the file", () => {
  test("only its owner, whatever the umask", async () => {
    const path = newPath();
    const umask = process.umask(0);
    try {
      const store = await open(path);
      await store.clients.insert("a", definition);
      const files = [path, `${path}-wal`, `${path}-shm`, `${path}-lock`];
      expect(files.map(mode)).toEqual(["600", "600", "600", "600"]);
      await store.close();
    } finally {
      process.umask(umask);
    }
  });

  test("a file that was open to others is tightened, and the log says so", async () => {
    const path = newPath();
    writeFileSync(path, "");
    chmodSync(path, 0o644);
    const { log, lines } = recordingLog();
    await (await open(path, log)).close();
    expect(mode(path)).toBe("600");
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("was=0644");
  });
});

describe("a file that is not at its path any more", () => {
  const MOVED = expect.objectContaining({
    name: "StoreUnavailable",
    message: expect.stringContaining("was removed or replaced"),
  });

  async function expectNoWrites(path: string, act: (elsewhere: string) => void): Promise<void> {
    const store = await open(path);
    await store.clients.insert("a", definition);
    const elsewhere = join(temporaryFolder(), "elsewhere.db");
    act(elsewhere);
    const { version } = (await store.clients.find(["a"]))[0]!;
    const buckets = { clientIds: ["a"], versions: [version], tokens: [1], at: 1 };
    const write = { clientId: "b", version: null, definition };
    const row = { url: "http://b", added: true, removed: false, draining: false };
    const outcomes = await Promise.allSettled([
      store.clients.insert("b", definition),
      store.clients.update("a", version, { ...definition, capacity: 9 }),
      store.clients.putMany([write]),
      store.clients.remove("a"),
      store.clients.saveBuckets(buckets),
      store.backends.add({ ...row, weight: null, maxInFlight: null }, 0),
      store.ping(),
    ]);
    for (const outcome of outcomes) {
      expect(outcome).toMatchObject({ status: "rejected", reason: MOVED as Error });
    }
    // What was there is still read.
    expect(await store.clients.page(null, 9)).toMatchObject([{ clientId: "a", capacity: 5 }]);
    if (existsSync(elsewhere)) {
      renameSync(elsewhere, path);
      await store.ping();
      expect(await store.clients.insert("b", definition)).toMatchObject({ clientId: "b" });
    }
    await store.close();
  }

  test("takes no writes, and does again when it is back", async () => {
    const path = newPath();
    await expectNoWrites(path, (elsewhere) => renameSync(path, elsewhere));
  });

  test("nor when another one is there", async () => {
    const path = newPath();
    await expectNoWrites(path, (elsewhere) => {
      renameSync(path, elsewhere);
      writeFileSync(path, "");
    });
  });

  test("nor when it was removed", async () => {
    const path = newPath();
    await expectNoWrites(path, () => rmSync(path));
  });
});

describe("one process a file", () => {
  test("a second one is refused, and let in when the first has ended, however", async () => {
    const path = newPath();
    const { child } = await otherProcess("sqlite-holder.ts", path);
    const refused = await refusal(path);
    expect(refused.exitCode).toBe(EXIT.inUse);
    expect(refused.message).toBe(
      `Database ${path} is in use by another gateway process; replace it by serve --takeover, or choose another DATABASE_URL, where gateways that share one need PostgreSQL.`,
    );
    child.kill("SIGKILL");
    await child.exited;
    await (await open(path)).close();
  });

  test("a link to the file is no way around", async () => {
    const path = newPath();
    const link = join(temporaryFolder(), "link.db");
    symlinkSync(path, link);
    await otherProcess("sqlite-holder.ts", link);
    expect(await refusal(path)).toMatchObject({
      exitCode: EXIT.inUse,
      message: expect.stringContaining(`Database ${path} is in use by another gateway process;`),
    });
    expect((await refusal(link)).message).toContain(`Database ${link} is in use`);
    expect(existsSync(`${link}-lock`)).toBe(false);
  });

  test("it is free again after a close, and whole without its log", async () => {
    const path = newPath();
    const store = await open(path);
    await store.clients.insert("a", definition);
    await store.close();
    expect(statSync(`${path}-wal`, { throwIfNoEntry: false })?.size ?? 0).toBe(0);
    await (await open(path)).close();
  });
});

test("what was acknowledged survives kill -9", async () => {
  const path = newPath();
  const { child, said } = await otherProcess("sqlite-holder.ts", path);
  child.kill("SIGKILL");
  await child.exited;
  const store = await open(path);
  expect(said).toBe("stored client survivor");
  expect(await store.clients.find(["survivor"])).toMatchObject([{ capacity: 7 }]);
  await store.close();
});

describe("a file that cannot be used is refused in one line", () => {
  test("its folder does not exist", async () => {
    const folder = join(temporaryFolder(), "missing");
    const { message, exitCode } = await refusal(join(folder, "gateway.db"));
    expect(message).toContain(`folder ${folder} does not exist`);
    expect(exitCode).toBe(EXIT.cannotCreate);
    expect(existsSync(folder)).toBe(false);
  });

  test("it is a folder", async () => {
    const path = newPath();
    mkdirSync(path);
    expect((await refusal(path)).message).toContain("it is a folder");
  });

  test("it is no database, and stays as it was", async () => {
    const path = newPath();
    const text = "dear diary, ".repeat(1_000);
    writeFileSync(path, text);
    chmodSync(path, 0o644);
    const { message, exitCode } = await refusal(path);
    expect(message).toContain("not an intact SQLite database");
    expect(exitCode).toBe(EXIT.cannotCreate);
    expect(await Bun.file(path).text()).toBe(text);
    expect(mode(path)).toBe("644");
    expect(existsSync(`${path}-lock`)).toBe(false);
  });

  test("it is a pipe", async () => {
    const path = newPath();
    Bun.spawnSync(["mkfifo", "-m", "644", path]);
    expect((await refusal(path)).message).toContain("not an intact SQLite database");
    expect(mode(path)).toBe("644");
  });

  test("its pages are damaged", async () => {
    const config = { kind: "sqlite", path: newPath() } as const;
    const store = await open(config.path);
    for (let i = 0; i < 300; i++) await store.clients.insert(`client-${i}`, definition);
    await store.close();
    const bytes = new Uint8Array(await Bun.file(config.path).arrayBuffer());
    bytes.fill(0x5a, 8192);
    await Bun.write(config.path, bytes);
    expect((await refusal(config.path)).message).toContain("not an intact SQLite database");
  });
});

test("a database in memory works and needs no file", async () => {
  const store = await open(":memory:");
  expect(await store.clients.insert("a", definition)).toMatchObject({ clientId: "a" });
  await store.close();
  expect(existsSync(":memory:")).toBe(false);
});
