import { describe, expect, test } from "bun:test";
import { createAccess } from "../../src/control/access.ts";
import { json, startControl } from "../support/control-server.ts";
import { rawRequest, sendRaw } from "../support/raw-http.ts";

const GUARDED = [
  "/clients",
  "/clients/x",
  "/swagger",
  "/swagger/json",
  "/-/backends",
  "/-/metrics",
  "/-/nothing",
];
const TOKEN = "s3cret token-ü";

describe("with a token", () => {
  const bearer = (token: string) => ({
    headers: { authorization: `Bearer ${Buffer.from(token).toString("latin1")}` },
  });

  test("every control route needs it", async () => {
    await using server = startControl({ admin: { token: "right", allow: ["0.0.0.0/0"] } });
    for (const path of GUARDED) {
      for (const method of ["GET", "POST", "DELETE", "OPTIONS", "HEAD"]) {
        const answer = await server.fetch(path, { method });
        expect([method, path, answer.status]).toEqual([method, path, 401]);
        expect(answer.headers.get("www-authenticate")).toBe('Bearer realm="gateway"');
      }
    }
    const { detail } = (await (await server.fetch("/clients")).json()) as { detail: string };
    expect(detail).toContain("Authorization: Bearer");
  });

  test("the right one opens, under any host name and from any address", () => {
    const access = createAccess({ token: "right", allow: [] });
    for (const authorization of ["Bearer right", "bearer right", "BEARER   right"]) {
      const headers = { authorization, host: "gateway.example", "sec-fetch-site": "cross-site" };
      expect(access(new Request("http://x/clients", { headers }), "203.0.113.9")).toBeNull();
    }
  });

  test.each([
    "Bearer wrong",
    "Bearer righ",
    "Bearer rightt",
    "Bearer Right",
    "Bearer",
    "Bearer ",
    "right",
    "Basic cmlnaHQ6cmlnaHQ=",
    "Basic right",
    "Bearer right, Bearer wrong",
    "XBearer right",
  ])("%j does not", (authorization) => {
    const access = createAccess({ token: "right", allow: ["127.0.0.1"] });
    const request = new Request("http://127.0.0.1/clients", { headers: { authorization } });
    expect(access(request, "127.0.0.1")?.answer.status).toBe(401);
  });

  test("a token of any characters is compared as the bytes that were sent", () => {
    const access = createAccess({ token: TOKEN, allow: [] });
    expect(access(new Request("http://x/clients", bearer(TOKEN)), null)).toBeNull();
    expect(access(new Request("http://x/clients", bearer("s3cret token-u")), null)).not.toBeNull();
  });

  test("refusal comes before the body is looked at", async () => {
    await using server = startControl({ admin: { token: "right", allow: [] } });
    expect((await server.fetch("/clients", json("POST", "{"))).status).toBe(401);
    expect((await server.fetch("/clients", { method: "POST", body: "x" })).status).toBe(401);
  });

  test("health and readiness stay open", async () => {
    await using server = startControl({ admin: { token: "right", allow: [] } });
    for (const path of ["/-/healthy", "/-/ready"]) {
      expect((await server.fetch(path)).status).toBe(200);
    }
  });
});

describe("without a token", () => {
  const access = createAccess({ token: null, allow: ["127.0.0.0/8", "::1/128", "10.1.0.0/16"] });
  const from = (peer: string | null, headers: Record<string, string> = {}, method = "GET") =>
    access(
      new Request("http://x/clients", { method, headers: { host: "127.0.0.1", ...headers } }),
      peer,
    )?.answer.status ?? 200;

  test("the peer's address decides, never a header", () => {
    for (const peer of ["127.0.0.1", "::1", "::ffff:127.0.0.1", "10.1.2.3"]) {
      expect([peer, from(peer)]).toEqual([peer, 200]);
    }
    for (const peer of ["10.2.0.1", "::ffff:10.2.0.1", "2001:db8::1", null]) {
      const headers = { "x-forwarded-for": "127.0.0.1", forwarded: "for=127.0.0.1" };
      expect([peer, from(peer, headers)]).toEqual([peer, 403]);
    }
  });

  test("the host must be an address or localhost", () => {
    const good = ["localhost", "LOCALHOST:3030", "127.0.0.1", "10.0.0.1:80", "[::1]", "[::1]:3030"];
    for (const host of good) expect([host, from("::1", { host })]).toEqual([host, 200]);
    for (const host of [
      "evil.example",
      "localhost.evil.example",
      "evil.localhost",
      "127.0.0.1.evil.example",
      "localhost, evil.example",
      "localhost@evil.example",
      "1.2.3.4.nip.io",
      "",
    ]) {
      expect([host, from("::1", { host })]).toEqual([host, 403]);
    }
  });

  test("a request without a host is refused", async () => {
    await using server = startControl();
    const { status, text } = await sendRaw(server.port, "GET /clients HTTP/1.0\r\n\r\n");
    expect([status, text.includes('"clients"')]).not.toEqual([200, true]);
  });

  test("pages of other origins are refused", () => {
    for (const site of ["cross-site", "same-site"]) {
      for (const method of ["GET", "POST", "DELETE"]) {
        expect(from("::1", { "sec-fetch-site": site }, method)).toBe(403);
      }
    }
    const own = { host: "localhost:3030" };
    expect(from("::1", { ...own, origin: "http://localhost:8080" }, "DELETE")).toBe(403);
    expect(from("::1", { ...own, origin: "null" }, "DELETE")).toBe(403);
    expect(from("::1", { ...own, origin: "http://localhost:3030" }, "DELETE")).toBe(200);
    expect(from("::1", { "sec-fetch-site": "same-origin" }, "POST")).toBe(200);
    expect(from("::1", { "sec-fetch-site": "none" })).toBe(200);
  });

  test("a link from another page may be followed, a form of it not sent", () => {
    const headers = {
      "sec-fetch-site": "cross-site",
      "sec-fetch-mode": "navigate",
      "sec-fetch-dest": "document",
    };
    expect(from("::1", headers)).toBe(200);
    expect(from("::1", headers, "POST")).toBe(403);
    expect(from("::1", { ...headers, "sec-fetch-dest": "iframe" })).toBe(403);
  });

  test("a refusal says how to get access", async () => {
    await using server = startControl({ admin: { token: null, allow: ["192.0.2.0/24"] } });
    for (const path of [...GUARDED, "/swagger/swagger-ui.css"]) {
      const answer = await server.fetch(path);
      expect([path, answer.status]).toEqual([path, 403]);
      const { detail } = (await answer.json()) as { detail: string };
      expect(detail).toContain("ADMIN_ALLOW");
      expect(detail).toContain("ADMIN_TOKEN");
    }
    expect((await server.fetch("/-/healthy")).status).toBe(200);
    expect((await server.fetch("/-/ready")).status).toBe(200);
  });

  test("the connection's own address is what counts on a real socket", async () => {
    await using server = startControl();
    expect((await server.fetch("/clients")).status).toBe(200);
    const named = rawRequest("GET", "/clients", { Host: "evil.example" });
    expect((await sendRaw(server.port, named)).status).toBe(403);
  });
});
