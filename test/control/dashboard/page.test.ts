import { expect, test } from "bun:test";
import { join } from "node:path";
import { Glob } from "bun";
import { startControl } from "../../support/control-server.ts";

const LIMIT_BYTES = 150_000;

const filesOf = (html: string): string[] =>
  [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);

test("the page allows no other host, nothing inline, and no frame around it", async () => {
  await using server = startControl();
  const answer = await server.fetch("/-/dashboard");
  expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const policy = answer.headers.get("content-security-policy")!;
  expect(policy).toStartWith("default-src 'none'");
  expect(policy).toContain("frame-ancestors 'none'");
  expect(policy).not.toMatch(/https?:|\*|unsafe|data:/);
});

test("its files come from the gateway, compressed under 150 KB, and once", async () => {
  await using server = startControl();
  const html = await (await server.fetch("/-/dashboard")).text();
  const files = filesOf(html);
  expect(files).toHaveLength(3);
  let bytes = html.length;
  for (const file of files) {
    const init = { headers: { "accept-encoding": "gzip" }, decompress: false };
    const answer = await server.fetch(file, init);
    expect([file, answer.status]).toEqual([file, 200]);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    const zipped = await answer.bytes();
    bytes += zipped.byteLength;
    const plain = await server.fetch(file, { headers: { "accept-encoding": "identity" } });
    expect(plain.headers.get("content-encoding")).toBeNull();
    expect(Buffer.from(Bun.gunzipSync(zipped)).equals(Buffer.from(await plain.bytes()))).toBe(true);
    const again = await server.fetch(file, {
      headers: { "if-none-match": answer.headers.get("etag")! },
    });
    expect(again.status).toBe(304);
  }
  expect(bytes).toBeLessThan(LIMIT_BYTES);
});

test("with a token the page is open and its data are not", async () => {
  await using server = startControl({ admin: { token: "secret", allow: [] } });
  const page = await server.fetch("/-/dashboard");
  expect(page.status).toBe(200);
  const html = await page.text();
  expect(html).toContain('data-token="wanted"');
  for (const file of filesOf(html)) expect((await server.fetch(file)).status).toBe(200);
  for (const path of ["events", "clients", "buckets?ids=a", "constructor"]) {
    expect([path, (await server.fetch(`/-/dashboard/${path}`)).status]).toEqual([path, 401]);
  }
});

test("without a token, an address that is not allowed sees nothing", async () => {
  await using server = startControl({ admin: { token: null, allow: ["192.0.2.0/24"] } });
  for (const path of ["", "/page.js", "/events", "/clients"]) {
    expect([path, (await server.fetch(`/-/dashboard${path}`)).status]).toEqual([path, 403]);
  }
});

test("the browser gets nothing of the gateway but types", async () => {
  const folder = join(import.meta.dir, "../../../src/dashboard");
  const transpiler = new Bun.Transpiler({ loader: "tsx" });
  const foreign: string[] = [];
  for await (const file of new Glob("*.{ts,tsx}").scan(folder)) {
    // Run while bundling, not in the browser.
    if (["bundle.ts", "files.ts"].includes(file)) continue;
    const imports = transpiler.scanImports(await Bun.file(join(folder, file)).text());
    for (const { path } of imports) {
      // The transpiler by itself knows only React's names for what JSX becomes.
      if (!/^(?:\.\/|preact|@preact\/signals|uplot|react)/.test(path)) {
        foreign.push(`${file}: ${path}`);
      }
    }
  }
  expect(foreign).toEqual([]);
});
