// A headless Chromium for tests of pages, with a profile of its own that goes away with it. It
// records what no page of ours may do: ask another host, or complain in the console.

import { existsSync } from "node:fs";
import { type Browser, chromium, type Page } from "playwright-core";

const EXECUTABLE = process.env["CHROMIUM"] ?? "/usr/bin/chromium";

/** On a developer's machine without Chromium the page tests are skipped; never in CI. */
export const noBrowser =
  !existsSync(EXECUTABLE) && process.env["CI"] !== "true"
    ? `no Chromium at ${EXECUTABLE} (set CHROMIUM)`
    : null;

export interface WatchedPage extends AsyncDisposable {
  readonly page: Page;
  /** Requests to any other origin. */
  readonly foreign: string[];
  /** Console errors and uncaught exceptions. */
  readonly complaints: string[];
}

/** A new browser with one page, which is expected to talk to `origin` only. */
export async function openBrowser(origin: string): Promise<WatchedPage> {
  // Playwright gives each launch a fresh profile in a temporary folder, and removes it.
  const browser: Browser = await chromium.launch({
    executablePath: EXECUTABLE,
    args: [
      "--headless",
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
  const page = await browser.newPage();
  const foreign: string[] = [];
  const complaints: string[] = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (/^(?:https?|wss?):$/.test(url.protocol) && url.origin !== origin) foreign.push(url.href);
  });
  page.on("console", (message) => {
    if (message.type() === "error") complaints.push(message.text());
  });
  page.on("pageerror", (error) => void complaints.push(error.message));
  return { page, foreign, complaints, [Symbol.asyncDispose]: () => browser.close() };
}
