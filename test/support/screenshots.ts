// Takes the README's pictures of the dashboard: `bun run screenshots [folder [seconds]]`. A real
// gateway, real backends and real load for a minute, so what the pictures show did happen.

import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { openBrowser } from "./browser.ts";
import { Gateway } from "./gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "./hello-backends.ts";

const FOLDER = process.argv[2] ?? join(import.meta.dir, "../../src/dashboard/screenshots");
const LOAD_SECONDS = Number(process.argv[3] ?? 60);

const CLIENTS = [
  { client_id: "checkout", capacity: 200, rate_per_sec: 120, share: 1 },
  { client_id: "mobile-app", capacity: 500, rate_per_sec: 60, share: 2 },
  { client_id: "partner:acme", capacity: 100, rate_per_sec: 15, share: 1 },
  { client_id: "reports@intern", capacity: 50, rate_per_sec: 5, share: 0.3 },
  { client_id: "search", capacity: 1000, rate_per_sec: 150, share: 2 },
];

async function load(gateway: Gateway, until: number): Promise<void> {
  const started = Date.now();
  while (Date.now() < until) {
    // A tide, so that the plots have something to tell.
    const tide = 1 + 0.6 * Math.sin((Date.now() - started) / 6000) + 0.3 * Math.random();
    const sent = CLIENTS.flatMap(({ client_id, share }) =>
      Array.from({ length: Math.round(share * 6 * tide) }, () =>
        fetch(`${gateway.url}/api?client_id=${client_id}`),
      ),
    );
    for (let rank = 1; rank <= 5; rank++) {
      if (Math.random() > tide / rank) continue;
      const headers = {
        "x-forwarded-for": rank % 3 ? `203.0.113.${rank}` : `2001:db8:0:${rank}::1`,
      };
      sent.push(fetch(`${gateway.url}/`, { headers }), fetch(`${gateway.url}/`, { headers }));
    }
    await Promise.all(sent.map(async (answer) => (await answer).arrayBuffer()));
    await Bun.sleep(50);
  }
}

await using backends = startHelloBackends(3, async (_, name) => {
  await Bun.sleep(1 + Math.random() * (name === "backend-2" ? 12 : 4));
  const broken = name === "backend-3" && Math.random() < 0.004;
  return new Response(`<h1>${name}</h1>`, { status: broken ? 500 : 200 });
});
await using gateway = await Gateway.start({
  backends: backends.urls.map((url, index) => (index === 0 ? `${url};weight=2` : url)),
  env: {
    HEALTH_PATH,
    ACCESS_LOG: "off",
    // The load speaks for other addresses.
    TRUSTED_PROXIES: "127.0.0.0/8",
    ANONYMOUS_RATE_PER_SEC: "12",
    ANONYMOUS_CAPACITY: "60",
  },
});
for (const { share: _, ...client } of CLIENTS) await gateway.createClient(client);
await mkdir(FOLDER, { recursive: true });

await using browser = await openBrowser(gateway.url);
const { page } = browser;
await page.setViewportSize({ width: 1200, height: 1010 });
await page.emulateMedia({ colorScheme: "light" });
await page.goto(`${gateway.url}/-/dashboard`);
const shoot = (name: string): Promise<unknown> =>
  page.screenshot({ path: join(FOLDER, `${name}.png`) });

const loading = load(gateway, Date.now() + LOAD_SECONDS * 1000);
await Bun.sleep(LOAD_SECONDS * 800);
await shoot("light");
await page.emulateMedia({ colorScheme: "dark" });
await backends.all[1]!.stop();
await Bun.sleep(LOAD_SECONDS * 100);
await shoot("dark");
await page.setViewportSize({ width: 400, height: 860 });
await Bun.sleep(600);
await shoot("phone");
await loading;
const wrong = [...browser.complaints, ...browser.foreign];
if (wrong.length > 0) throw new Error(wrong.join("\n"));
