// What a person is told when the gateway cannot be asked, and where the command finds it.

import { describe, expect, test } from "bun:test";
import { RunningGateway } from "../../src/cli/remote/running-gateway.ts";
import { EXIT } from "../../src/shared/start-error.ts";

const remote = { url: null, tokenFile: null, json: false };

describe("where it is", () => {
  test.each([
    [{}, "http://127.0.0.1:3030"],
    [{ PORT: "8000" }, "http://127.0.0.1:8000"],
    [{ PORT: "8000", GATEWAY_URL: "https://gateway.internal/" }, "https://gateway.internal"],
  ])("%j", async (env, url) => {
    expect((await RunningGateway.of(remote, env)).url).toBe(url);
  });

  test("--url before all", async () => {
    const gateway = await RunningGateway.of({ ...remote, url: "http://[::1]:1" }, { PORT: "2" });
    expect(gateway.url).toBe("http://[::1]:1");
  });

  test.each(["http://a/?", "http://a?b=c", "http://a/#top"])("--url %s is refused", async (url) => {
    const error: unknown = await RunningGateway.of({ ...remote, url }, {}).catch(
      (thrown: unknown) => thrown,
    );
    const message = "--url needs a URL without ? and #, to which paths are added";
    expect(error).toMatchObject({ exitCode: EXIT.usage, message });
  });

  test.each([
    [{ GATEWAY_URL: "gateway.internal" }, /^GATEWAY_URL needs a URL that starts with http/],
    [{ GATEWAY_URL: "http://a/?two words" }, /^GATEWAY_URL needs a URL without \? and #/],
    [{ PORT: "x" }, /^PORT needs a number, not "x"$/],
    [{ ADMIN_TOKEN: "two words" }, /^ADMIN_TOKEN holds no admin token/],
  ])("%j is refused", async (env, message) => {
    const error: unknown = await RunningGateway.of(remote, env).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ exitCode: EXIT.usage, message: expect.stringMatching(message) });
    expect(String(error)).not.toContain("two words");
  });
});

test("a password in its URL is used and never shown", async () => {
  const asked: (string | null)[] = [];
  using server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    fetch(request) {
      asked.push(request.headers.get("authorization"));
      return new Response("not here", { status: 404 });
    },
  });
  const env = { GATEWAY_URL: `http://me:s3cret@127.0.0.1:${server.port}` };
  const gateway = await RunningGateway.of(remote, env);
  expect(gateway.url).toBe(`http://me:***@127.0.0.1:${server.port}`);
  const refused: unknown = await gateway.ask("GET", "/-/ready").catch((thrown: unknown) => thrown);
  expect(asked).toEqual([`Basic ${btoa("me:s3cret")}`]);
  await server.stop(true);
  const gone: unknown = await gateway.ask("GET", "/-/ready").catch((thrown: unknown) => thrown);
  const bad = { GATEWAY_URL: "ftp://me:s3cret@gateway" };
  const unusable: unknown = await RunningGateway.of(remote, bad).catch((thrown: unknown) => thrown);
  for (const error of [refused, gone, unusable]) {
    expect(error).toBeInstanceOf(Error);
    expect(String(error)).toContain("me:***@");
  }
});

const JSON_TYPE = { "content-type": "application/json" };
const STRANGER = { exitCode: EXIT.failed, message: expect.stringContaining("is it one") };

describe("an answer that is none of a gateway", () => {
  test.each([
    ["a page", new Response("<h1>It works</h1>", { headers: { "content-type": "text/html" } })],
    ["a redirect", new Response(null, { status: 302, headers: { location: "/login" } })],
    ["a 404 of a server", new Response("not here", { status: 404 })],
    ["JSON about something else", Response.json({ hello: "world" })],
    ["JSON that is no object", Response.json(null)],
    ["JSON that breaks off", new Response('{"clients":[', { headers: JSON_TYPE })],
    ["nothing", new Response("")],
  ])("%s", async (_, response) => {
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: () => response.clone(),
    });
    const gateway = new RunningGateway(server.url.origin, null);
    for (const asked of [
      gateway.ask("GET", "/clients", { member: "clients" }),
      gateway.ask("DELETE", "/clients/a"),
    ]) {
      expect(await asked.catch((thrown: unknown) => thrown)).toMatchObject(STRANGER);
    }
  });

  test("a proxy's page instead of the metrics", async () => {
    const page = () => new Response("<h1>Forbidden</h1>", { status: 403 });
    using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: page });
    const asked = new RunningGateway(server.url.origin, null).text("/-/metrics");
    expect(await asked.catch((thrown: unknown) => thrown)).toMatchObject(STRANGER);
  });
});

test.each(["/clients/..", "/clients/.", "/clients/./usage", "/clients/%2e%2e/reset"])(
  "nothing is sent, least of all the token, when a URL makes another path of %s",
  async (path) => {
    const heard: string[] = [];
    using server = Bun.serve({
      port: 0,
      hostname: "127.0.0.1",
      fetch: ({ url }) => {
        heard.push(url);
        return Response.json(null);
      },
    });
    const gateway = new RunningGateway(`${server.url.origin}/below`, {
      text: "s3cret",
      from: "ADMIN_TOKEN",
    });
    const error: unknown = await gateway.ask("PATCH", path).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ exitCode: EXIT.usage, message: expect.stringContaining(path) });
    expect(heard).toEqual([]);
  },
);

test("no answer in time", async () => {
  const { promise, resolve } = Promise.withResolvers<Response>();
  using server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => promise });
  const gateway = new RunningGateway(server.url.origin, null);
  const asked = gateway.ask("GET", "/clients", { timeoutMs: 100 });
  expect(await asked.catch((thrown: unknown) => thrown)).toMatchObject({
    exitCode: EXIT.unavailable,
    message: `${server.url.origin} did not answer in 0.1 s`,
  });
  resolve(new Response());
});
