// What a person reads whose HOST or PORT cannot be listened on.

import { describe, expect, test } from "bun:test";
import { claimAddress } from "../../src/control/listener.ts";
import { EXIT, StartError } from "../../src/shared/start-error.ts";

async function refusal(host: string, port = 0): Promise<StartError> {
  const error: unknown = await claimAddress(host, port).catch((reason: unknown) => reason);
  if (!(error instanceof StartError)) throw new Error(`not refused: ${JSON.stringify(error)}`);
  return error;
}

test("a free address is claimed, and free again for the workers", async () => {
  const { host, port } = await claimAddress("127.0.0.1", 0);
  expect(await claimAddress(host, port)).toEqual({ host: "127.0.0.1", port });
});

test("an address in use: what can be done about it", async () => {
  using other = Bun.serve({ hostname: "127.0.0.1", port: 0, fetch: () => new Response() });
  const { exitCode, message } = await refusal("127.0.0.1", other.port);
  expect(message).toBe(
    `127.0.0.1:${other.port} is in use by another process; stop it, choose another PORT, or replace a gateway by serve --takeover`,
  );
  expect(exitCode).toBe(EXIT.inUse);
});

describe("a HOST that is wrong is a problem of the configuration", () => {
  test.each(["nohost.invalid", "127.0.0.1x"])("a name that nobody knows: %s", async (host) => {
    const { exitCode, message } = await refusal(host);
    expect(message).toBe(
      `HOST ${host} is neither an address of this machine nor a name that leads to one`,
    );
    expect(exitCode).toBe(EXIT.config);
  });

  test("an address of another machine", async () => {
    const { exitCode, message } = await refusal("203.0.113.9");
    expect(message).toBe("HOST 203.0.113.9 is not an address of this machine");
    expect(exitCode).toBe(EXIT.config);
  });
});
