// The dashboard in a real browser, on the compiled executable: what a person sees and does.

import { Database } from "bun:sqlite";
import { describe, expect, test } from "bun:test";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import type { AxeResults } from "axe-core";
import type { Page } from "playwright-core";
import { noBrowser, openBrowser, type WatchedPage } from "../support/browser.ts";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";

const TIMEOUT_MS = 90_000;
const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const QUICK_CHECKS = { HEALTH_PATH, HEALTH_INTERVAL: "200ms", HEALTH_TIMEOUT: "150ms" };

async function open(browser: WatchedPage, gateway: Gateway): Promise<Page> {
  await browser.page.goto(`${gateway.url}/-/dashboard`);
  await browser.page.getByText("Live", { exact: true }).waitFor();
  return browser.page;
}

/** What axe-core finds wrong: rule and place. */
async function violations(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const { violations } = await page.evaluate<AxeResults>("axe.run()");
  return violations.flatMap((rule) =>
    rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.failureSummary}`),
  );
}

async function fillClient(page: Page, fields: Record<string, string>, button: string) {
  const dialog = page.getByRole("dialog");
  for (const [label, value] of Object.entries(fields)) {
    await dialog.getByLabel(label, { exact: false }).fill(value);
  }
  await dialog.getByRole("button", { name: button }).click();
}

const gauge = (page: Page, id: string) =>
  page
    .getByRole("meter", { name: `Tokens of ${id}` })
    .getAttribute("aria-valuenow")
    .then(Number);

const send = async (gateway: Gateway, id: string, count: number): Promise<number[]> => {
  const answers = Array.from({ length: count }, () => fetch(`${gateway.url}/?client_id=${id}`));
  return await Promise.all(
    answers.map(async (answer) => {
      const { status } = await answer;
      return status;
    }),
  );
};

/** Polls a value of the page, which changes once a second. */
async function until<T>(read: () => Promise<T>, wanted: (value: T) => boolean): Promise<T> {
  const deadline = Date.now() + 15_000;
  for (;;) {
    const value = await read();
    if (wanted(value)) return value;
    if (Date.now() > deadline) throw new Error(`the page still says ${String(value)}`);
    await Bun.sleep(50);
  }
}

/** What has more in it than there is room for. */
const CUT = `[document.documentElement, ...document.querySelectorAll(".tile, .tile dt, .scroll")]
  .filter((box) => box.scrollWidth > box.clientWidth + 1)
  .map((box) => box.className + " " + box.innerText)`;

/** Pixels of the plot of requests that are the colours of what was admitted and of what failed. */
const COLOURS = `(() => {
  const canvas = document.querySelector(".canvas canvas");
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  let [blue, red] = [0, 0];
  for (let at = 0; at < data.length; at += 4) {
    if (data[at + 3] < 100) continue;
    if (data[at + 2] - data[at] > 80) blue++;
    if (data[at] - data[at + 2] > 80) red++;
  }
  return { blue, red };
})()`;

/** The browser itself reports requests that failed while the gateway was away. */
const own = (complaints: readonly string[]): string[] =>
  complaints.filter((line) => !line.includes("net::ERR_"));

describe.skipIf(noBrowser !== null)(`in a browser${noBrowser ? `: ${noBrowser}` : ""}`, () => {
  test(
    "a client is created, limited, given more and deleted, and the page shows each",
    async () => {
      await using backends = startHelloBackends(1);
      await using gateway = await Gateway.start({ backends: backends.urls, env: QUICK_CHECKS });
      await using browser = await openBrowser(gateway.url);
      const page = await open(browser, gateway);
      await page.getByText("No client is registered yet").waitFor();

      await page.getByRole("button", { name: "New client" }).click();
      await fillClient(page, { "Client id": "shop/1", Capacity: "0", Refill: "1" }, "Create");
      await page.getByText("must be").first().waitFor();
      await fillClient(page, { "Client id": "shop:1", Capacity: "50", Refill: "1" }, "Create");
      const row = page.locator('[data-client="shop:1"]');
      await row.waitFor();
      expect(await gauge(page, "shop:1")).toBe(50);

      const statuses = await send(gateway, "shop:1", 80);
      const limited = statuses.filter((status) => status === 429).length;
      expect(limited).toBeGreaterThanOrEqual(29);
      await until(
        () => gauge(page, "shop:1"),
        (tokens) => tokens < 10,
      );
      await until(
        () => row.locator('[data-label="Rejected"]').innerText(),
        (text) => text.startsWith(`${limited}`),
      );
      const peak = page.getByRole("img", { name: /Requests per second/ });
      await until(
        async () => (await peak.getAttribute("aria-label"))!,
        (text) => /rejected: \S+, highest [1-9]/.test(text),
      );

      await row.getByRole("button", { name: "Edit shop:1" }).click();
      await fillClient(page, { Capacity: "1000", "Tokens now": "1000" }, "Save");
      await until(
        () => gauge(page, "shop:1"),
        (tokens) => tokens > 900,
      );
      expect(new Set(await send(gateway, "shop:1", 100))).toEqual(new Set([200]));

      await send(gateway, "shop:1", 100);
      await row.getByRole("button", { name: "Refill shop:1" }).click();
      await until(
        () => gauge(page, "shop:1"),
        (tokens) => tokens === 1000,
      );

      await row.getByRole("button", { name: "Delete shop:1" }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await page.getByText("No client is registered yet").waitFor();
      expect((await gateway.api("GET", "/clients/shop:1")).status).toBe(404);
      expect(browser.foreign).toEqual([]);
      // The 422 is the gateway's answer to the impossible id.
      expect(browser.complaints.filter((line) => !line.includes("422"))).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "a client whose id a URL resolves is shown, and what is done with it reaches no backend",
    async () => {
      await using backends = startHelloBackends(1);
      await using gateway = await Gateway.start({ backends: backends.urls, env: QUICK_CHECKS });
      await gateway.stop();
      const database = new Database(join(gateway.cwd, "gateway.db"));
      database.run(
        "INSERT INTO clients (client_id, capacity, rate_per_sec, tokens, tokens_at, version, tokens_version, created_at, updated_at) VALUES ('..', 10, 1, 10, 0, 1, 1, 0, 0)",
      );
      database.close();
      await using next = await Gateway.start({
        backends: backends.urls,
        cwd: gateway.cwd,
        env: QUICK_CHECKS,
      });
      await using browser = await openBrowser(next.url);
      const page = await open(browser, next);
      const sent: string[] = [];
      page.on("request", (request) => {
        if (request.method() !== "GET") sent.push(`${request.method()} ${request.url()}`);
      });
      await page.getByRole("button", { name: "Delete .." }).click();
      await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
      await page.getByText("No URL can have the path /clients/..").waitFor();
      expect(sent).toEqual([]);
      expect(browser.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "a backend that stops is seen to, and the way back too",
    async () => {
      await using backends = startHelloBackends(2);
      await using gateway = await Gateway.start({ backends: backends.urls, env: QUICK_CHECKS });
      await using browser = await openBrowser(gateway.url);
      const page = await open(browser, gateway);
      const [backend] = backends.all;
      const row = page.getByRole("row", { name: backend!.url });
      await row.getByText("Healthy").waitFor();
      await backend!.stop();
      await row.getByText("Down").waitFor();
      await page.getByText("1 of 2 open").waitFor();
      backend!.restart();
      await row.getByText("Healthy").waitFor();
      expect(browser.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "a lost connection is said, and found again with the next gateway",
    async () => {
      await using backends = startHelloBackends(1);
      await using first = await Gateway.start({ backends: backends.urls, env: QUICK_CHECKS });
      await first.createClient({ client_id: "stays", capacity: 10, rate_per_sec: 1 });
      await using browser = await openBrowser(first.url);
      const page = await open(browser, first);
      await page.locator('[data-client="stays"]').waitFor();
      // The stream is ended by the drain: it must not hold it up.
      const stopping = Date.now();
      expect(await first.stop()).toBe(0);
      expect(Date.now() - stopping).toBeLessThan(5000);
      await page.getByText("Connection lost, retrying").waitFor();
      await using second = await Gateway.start({
        backends: backends.urls,
        cwd: first.cwd,
        env: { ...QUICK_CHECKS, PORT: `${first.port}` },
      });
      await page.getByText("Live", { exact: true }).waitFor();
      await page.getByText("Connection lost").waitFor({ state: "detached" });
      await second.api("DELETE", "/clients/stays");
      await page.getByText("No client is registered yet").waitFor();
      // Between them it may have met the second one while that began, which says 503.
      const complaints = own(browser.complaints).filter((line) => !line.includes("status of 503"));
      expect(complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "with a token, the page asks for it, says when it is wrong, and keeps it to itself",
    async () => {
      await using backends = startHelloBackends(1);
      await using gateway = await Gateway.start({
        backends: backends.urls,
        env: { ...QUICK_CHECKS, ADMIN_TOKEN: "s3cret" },
      });
      await using browser = await openBrowser(gateway.url);
      const { page } = browser;
      await page.goto(`${gateway.url}/-/dashboard`);
      const token = page.getByLabel("Admin token");
      expect(await violations(page)).toEqual([]);
      await token.fill("wrong");
      await token.press("Enter");
      await page.getByText("This is not the admin token").waitFor();
      await page.waitForFunction("document.activeElement.name === 'token'");
      await token.fill("s3cret");
      await token.press("Enter");
      await page.getByText("Live", { exact: true }).waitFor();
      await page.getByText("No client is registered yet").waitFor();
      const kept = await page.evaluate(
        "location.href + document.cookie + JSON.stringify(localStorage) + JSON.stringify(sessionStorage)",
      );
      expect(kept).not.toContain("s3cret");
      await page.reload();
      await token.waitFor();
      // Chromium reports the 401 that the wrong token got.
      expect(browser.complaints.filter((line) => !line.includes("401"))).toEqual([]);
      expect(browser.foreign).toEqual([]);
    },
    TIMEOUT_MS,
  );

  test(
    "nothing is cut at any width, and a line at 0 lies over no other",
    async () => {
      await using backends = startHelloBackends(2);
      await using gateway = await Gateway.start({ backends: backends.urls, env: QUICK_CHECKS });
      await using browser = await openBrowser(gateway.url);
      await browser.page.emulateMedia({ colorScheme: "light" });
      const page = await open(browser, gateway);
      await backends.all[0]!.stop();
      await page.getByText("connection refused").waitFor();
      for (const width of [400, 703, 704, 720, 800, 900, 1055, 1056, 1151, 1152, 1280, 1344]) {
        await page.setViewportSize({ width, height: 900 });
        expect([width, await page.evaluate(CUT)]).toEqual([width, []]);
      }
      await until(
        () => page.evaluate<{ blue: number; red: number }>(COLOURS),
        ({ blue, red }) => blue > 0 && red === 0,
      );
      await page.getByRole("link", { name: "API" }).click();
      await page.waitForURL(`${gateway.url}/swagger`);
    },
    TIMEOUT_MS,
  );

  test(
    "many clients are found, ordered and paged; the page fits a phone, and axe finds no fault",
    async () => {
      await using backends = startHelloBackends(2);
      await using gateway = await Gateway.start({ backends: backends.urls, env: QUICK_CHECKS });
      for (let start = 0; start < 300; start += 100) {
        await Promise.all(
          Array.from({ length: 100 }, (_, index) =>
            gateway.createClient({
              client_id: `c${String(start + index).padStart(5, "0")}`,
              capacity: 100,
              rate_per_sec: 1,
            }),
          ),
        );
      }
      await send(gateway, "c00277", 20);
      await using browser = await openBrowser(gateway.url);
      await browser.page.emulateMedia({ colorScheme: "light" });
      const page = await open(browser, gateway);
      const shown = async () =>
        await page
          .locator("[data-client]")
          .evaluateAll((rows) =>
            rows.map((row) => (row as { dataset: { client?: string } }).dataset.client!),
          );
      const expectShown = (first: string) => until(shown, (ids) => ids[0] === first);

      await expectShown("c00000");
      await page.getByRole("button", { name: "Next page" }).click();
      await expectShown("c00025");
      await page.getByRole("button", { name: "Page before" }).click();
      await expectShown("c00000");
      await page.getByText("Most used").click();
      await expectShown("c00277");
      await page.getByText("Name", { exact: true }).click();
      await page.getByPlaceholder("Id begins with").fill("c0012");
      expect(await until(shown, (ids) => ids.length === 10)).toContain("c00129");
      expect(await violations(page)).toEqual([]);

      await page.getByRole("button", { name: "Use the dark theme" }).click();
      await page.getByRole("button", { name: "Edit c00121" }).click();
      expect(await violations(page)).toEqual([]);
      await page.keyboard.press("Escape");
      await page.setViewportSize({ width: 360, height: 740 });
      expect(await violations(page)).toEqual([]);
      const wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth";
      expect(await page.evaluate(wider)).toBe(0);
      expect(browser.complaints).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

test("the history is there before anyone looked", async () => {
  await using backends = startHelloBackends(1);
  await using gateway = await Gateway.start({ backends: backends.urls, env: QUICK_CHECKS });
  const admitted = async (): Promise<number> => {
    const stream = await fetch(`${gateway.url}/-/dashboard/events`);
    const reader = stream.body!.getReader();
    const text = new TextDecoder().decode((await reader.read()).value);
    await reader.cancel();
    const { samples } = JSON.parse(/data: (.*)/.exec(text)![1]!) as { samples: number[][] };
    return samples.reduce((sum, sample) => sum + sample[1]!, 0);
  };
  await send(gateway, "none", 30);
  const seen = await until(admitted, (sum) => sum > 0);
  // A sample's second is not quite a second.
  expect(Math.abs(seen - 30)).toBeLessThan(2);
});
