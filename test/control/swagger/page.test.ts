import { describe, expect, test } from "bun:test";
import type { Page } from "playwright-core";
import { noBrowser, openBrowser } from "../../support/browser.ts";
import { startControl } from "../../support/control-server.ts";

const TIMEOUT_MS = 60_000;

async function createClientInPage(page: Page): Promise<string> {
  const operation = page.locator("#operations-clients-createClient");
  await operation.locator("button.opblock-summary-control").click();
  await operation.getByRole("button", { name: "Try it out" }).click();
  await operation.getByRole("button", { name: "Execute" }).click();
  const live = operation.locator(".live-responses-table tbody .response-col_status");
  return (await live.first().innerText()).trim();
}

test("the page names no other host and allows none", async () => {
  await using server = startControl();
  const answer = await server.fetch("/swagger");
  expect(answer.headers.get("content-type")).toBe("text/html; charset=utf-8");
  const policy = answer.headers.get("content-security-policy")!;
  expect(policy).toContain("default-src 'none'");
  expect(policy).not.toMatch(/https?:|\*|unsafe-eval/);
  expect(await answer.text()).not.toMatch(/https?:\/\/|\/\/[a-z]/);
});

test("the files of the page come from the gateway", async () => {
  await using server = startControl();
  const html = await (await server.fetch("/swagger")).text();
  const files = [...html.matchAll(/(?:src|href)="([^"]+)"/g)].map((match) => match[1]!);
  expect(files).toHaveLength(3);
  for (const file of files) {
    const answer = await server.fetch(file);
    expect([file, answer.status]).toEqual([file, 200]);
    expect(answer.headers.get("x-content-type-options")).toBe("nosniff");
    expect((await answer.bytes()).byteLength).toBeGreaterThan(100);
  }
});

test("with a token, a browser is asked for it; a program gets a problem", async () => {
  await using server = startControl({ admin: { token: "secret", allow: [] } });
  const page = await server.fetch("/swagger", { headers: { accept: "text/html" } });
  expect(page.status).toBe(401);
  expect(page.headers.get("www-authenticate")).toBe('Bearer realm="gateway"');
  expect(await page.text()).toContain("<form>");
  const problem = await server.fetch("/swagger");
  expect(problem.status).toBe(401);
  expect(problem.headers.get("content-type")).toBe("application/problem+json");
  // No description of the gateway without the token, only the library's files.
  const document = await server.fetch("/swagger/json", { headers: { accept: "text/html" } });
  expect(document.status).toBe(401);
  const headers = { authorization: "Bearer secret" };
  expect((await server.fetch("/swagger", { headers })).status).toBe(200);
});

describe.skipIf(noBrowser !== null)(`in a browser${noBrowser ? `: ${noBrowser}` : ""}`, () => {
  test(
    "a person creates a client from the page; nothing leaves the machine",
    async () => {
      await using server = startControl();
      await using browser = await openBrowser(server.url);
      await browser.page.goto(`${server.url}/swagger`);
      expect(await createClientInPage(browser.page)).toStartWith("201");
      expect([...server.clients.stored.keys()]).toEqual(["client9"]);
      expect(await browser.page.getByRole("button", { name: "Authorize" }).count()).toBe(0);
      expect(browser.foreign).toEqual([]);
      expect(browser.complaints).toEqual([]);
      expect(server.proxied).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "the page fits a phone, an operation opened",
    async () => {
      await using server = startControl();
      await using browser = await openBrowser(server.url);
      const { page } = browser;
      await page.setViewportSize({ width: 400, height: 800 });
      await page.goto(`${server.url}/swagger`);
      await page.locator("#operations-clients-createClient .opblock-summary-control").click();
      await page.locator(".responses-table .microlight").first().waitFor();
      const wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(wider)).toBe(0);
    },
    TIMEOUT_MS,
  );

  test(
    "with a token, the page asks for it and then works",
    async () => {
      await using server = startControl({ admin: { token: "secret", allow: [] } });
      await using browser = await openBrowser(server.url);
      const { page } = browser;
      await page.goto(`${server.url}/swagger`);
      const token = page.getByLabel("Admin token");
      await token.fill("wrong");
      await token.press("Enter");
      await page.getByText("This is not the admin token").waitFor();
      await token.fill("secret");
      await token.press("Enter");
      expect(await createClientInPage(page)).toStartWith("201");
      await page.locator("button.btn.authorize.locked").waitFor();
      expect(page.url()).toBe(`${server.url}/swagger`);
      expect(browser.foreign).toEqual([]);
      // Chromium reports every 401 in the console: opening the page, and the wrong token.
      expect(browser.complaints.filter((line) => !line.includes("401"))).toEqual([]);
      expect(server.proxied).toEqual([]);
    },
    TIMEOUT_MS,
  );
});
