// An export to a place that takes none: said of the file that was asked for, in plain words.

import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { exportClients } from "../../src/cli/remote/export.ts";
import { RunningGateway } from "../../src/cli/remote/running-gateway.ts";
import { EXIT } from "../../src/shared/start-error.ts";

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "gateway-export-"));
  await Bun.write(join(folder, "a-file"), "");
});
afterAll(() => rm(folder, { recursive: true }));

async function exportTo(file: string): Promise<unknown> {
  using server = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch: () => Response.json({ clients: [], next: null }),
  });
  const remote = { url: server.url.origin, tokenFile: null, json: false };
  const gateway = await RunningGateway.of(remote, {});
  const command = { name: "clients export", remote, file, format: null } as const;
  return await exportClients(gateway, { ...command, withoutTokens: false }).catch(
    (error: unknown) => error,
  );
}

test.each([
  ["nowhere/x.csv", "its folder does not exist"],
  ["a-file/x.csv", "its folder is a file"],
  ["", "it is a folder"],
])("%j: %s", async (name, why) => {
  const file = join(folder, name);
  expect(await exportTo(file)).toMatchObject({
    exitCode: EXIT.cannotCreate,
    message: `${file} cannot be written: ${why}`,
  });
  expect(await readdir(folder)).toEqual(["a-file"]);
  expect(await Bun.file(`${folder}.part`).exists()).toBe(false);
});
