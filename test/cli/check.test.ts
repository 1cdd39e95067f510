// `check --url` asks, and says what it found without the password of the URL.

import { expect, spyOn, test } from "bun:test";
import { probe } from "../../src/cli/check.ts";
import { EXIT } from "../../src/shared/start-error.ts";

test("a failure names the URL, and never its password", async () => {
  const said: string[] = [];
  const spy = spyOn(console, "error").mockImplementation((line: string) => void said.push(line));
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch: () => new Response(null, { status: 503 }),
  });
  try {
    const url = `http://me:s3cret@127.0.0.1:${server.port}/-/healthy`;
    const shown = `http://me:***@127.0.0.1:${server.port}/-/healthy`;
    expect(await probe(url)).toBe(EXIT.failed);
    await server.stop(true);
    expect(await probe(url)).toBe(EXIT.failed);
    expect(said).toEqual([`gateway: ${shown} answered 503`, `gateway: ${shown} cannot be reached`]);
  } finally {
    spy.mockRestore();
    await server.stop(true);
  }
});
