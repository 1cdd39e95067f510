import { afterAll, beforeEach, describe, expect, test } from "bun:test";
import { startControl } from "../support/control-server.ts";
import { rawRequest, sendRaw } from "../support/raw-http.ts";

const server = startControl();
afterAll(() => server[Symbol.asyncDispose]());
beforeEach(() => void (server.proxied.length = 0));

const send = (method: string, target: string, headers: Record<string, string> = {}) =>
  sendRaw(server.port, rawRequest(method, target, headers));

describe("a target is either a control route's or goes on to a backend", () => {
  // Matched byte by byte, as a filter in front of the gateway would: an encoded letter is another
  // path, and what a URL would resolve to another path is refused.
  test.each([
    ["/clients", 200],
    ["/clients?limit=1", 200],
    ["/x/../clients", 400],
    ["/x/%2e%2e/clients", 400],
    ["/clients/../x", 400],
    ["/clients/%2e%2e/x", 400],
    ["//clients", 400],
    ["http://localhost/clients", 200],
    ["/clients/", 404],
    ["/clients/a/b", 404],
    ["/clients/%2Fetc", 404],
    ["/clients/a%2Fb", 404],
    ["/clients/..%2f..%2fx", 404],
    ["/clients//", 404],
    ["/swagger/", 404],
    ["/swagger/json/x", 404],
    ["/swagger/..%2fclients", 404],
    ["/swagger/constructor", 404],
    ["/-", 404],
    ["/-/", 404],
    ["/-/dashboard", 200],
    ["/-/dashboard/", 404],
    ["/-/dashboard/x.js", 404],
    ["/-/healthy/", 404],
    ["/-/%68ealthy", 404],
  ])("control: %s", async (target, status) => {
    const answer = await send("GET", target);
    expect(answer.status).toBe(status);
    if (status === 404) expect(answer.text).toContain("application/problem+json");
    expect(server.proxied).toEqual([]);
  });

  test.each([
    "/",
    "/%63lients",
    "/clients%2Fx",
    "/clients%00",
    "/clients;x",
    "/clientsx",
    "/CLIENTS",
    "/x/clients",
    "/swaggerx",
    "/-healthy",
    "/api?to=/clients",
  ])("backend: %s", async (target) => {
    const answer = await send("GET", target);
    expect(answer.text).toContain("from a backend");
    expect(server.proxied).toHaveLength(1);
  });

  // Elysia's default looks for the path from the 12th character of the URL on.
  test.each(["a", "ab", "abc", "localhost", "[::1]"])("with the host %s too", async (Host) => {
    expect((await send("GET", "/clients/x", { Host })).text).not.toContain("from a backend");
    expect((await send("GET", "/-/healthy", { Host })).status).toBe(200);
    expect((await send("GET", "/abc/clients", { Host })).text).toContain("from a backend");
    expect(server.proxied).toHaveLength(1);
  });

  test("a malformed host gives no control answer", async () => {
    for (const target of ["/clients", "/clients/abcdef", "/swagger/json", "/-/healthy"]) {
      expect((await send("GET", target, { Host: "a b" })).status).toBe(400);
    }
    expect(server.proxied).toEqual([]);
  });

  test("without a host, as HTTP/1.0 has it, control routes stay control routes", async () => {
    const bare = (target: string) => sendRaw(server.port, `GET ${target} HTTP/1.0\r\n\r\n`);
    // Old load balancers check like this.
    expect((await bare("/-/healthy")).text).toContain('{"status":"ok"}');
    for (const target of ["/clients", "/clients/abcdef", "/swagger/json"]) {
      expect([target, (await bare(target)).status]).toEqual([target, 403]);
    }
    expect(server.proxied).toEqual([]);
    for (const target of ["/foobar/clients", "/something/else"]) {
      expect((await bare(target)).text).toContain("from a backend");
    }
  });
});

describe("other methods", () => {
  const methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "PROPFIND"];
  // Bun's Request makes GET of what it does not know.
  methods.push("BREW", "get");
  test.each([
    ["/clients", "GET, HEAD, POST, PUT"],
    ["/clients/x", "GET, HEAD, PUT, PATCH, DELETE"],
    ["/swagger", "GET, HEAD"],
    ["/swagger/json", "GET, HEAD"],
    ["/swagger/swagger-ui.css", "GET, HEAD"],
    ["/-/healthy", "GET, HEAD"],
    ["/-/ready", "GET, HEAD"],
    ["/-/backends", "GET, HEAD, POST"],
    ["/-/backends/abc", "GET, HEAD, PATCH, DELETE"],
    ["/-/metrics", "GET, HEAD"],
    ["/clients/x/usage", "GET, HEAD"],
    ["/clients/x/reset", "POST"],
    ["/-/top", "GET, HEAD"],
    ["/-/explain", "POST"],
    ["/-/dashboard", "GET, HEAD"],
    ["/-/dashboard/page.js", "GET, HEAD"],
  ])("%s allows %s", async (path, allow) => {
    for (const method of methods) {
      const { status, text } = await send(method, path);
      if (allow.split(", ").includes(method)) expect([method, status]).not.toEqual([method, 405]);
      else {
        expect([method, status]).toEqual([method, 405]);
        expect(text.toLowerCase()).toContain(`\r\nallow: ${allow.toLowerCase()}\r\n`);
      }
      expect(text.toLowerCase()).not.toContain("access-control");
    }
    expect(server.proxied).toEqual([]);
  });

  test("an id that is no text is none of the kind that the path is about", async () => {
    for (const path of ["/clients/%zz", "/-/backends/%zz"]) {
      const { status, text } = await send("GET", path);
      expect([path, status]).toEqual([path, 404]);
      expect(text.includes("client_id")).toBe(path.startsWith("/clients"));
    }
  });

  test("an unknown path below a prefix is 404 with any method", async () => {
    for (const method of methods) expect((await send(method, "/-/nothing")).status).toBe(404);
    expect(server.proxied).toEqual([]);
  });
});
