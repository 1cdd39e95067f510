// The gateway as a candidate: the compiled executable with one worker, its database filled before
// the start. Which ones take part, and with what settings, can be told by the environment:
// BENCH_GATEWAYS="gateway; gateway, log on: ACCESS_LOG=on; next: EXECUTABLE=/tmp/next LOG_LEVEL=warn"

import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { openStore } from "../../src/control/db/store.ts";
import { createLogger } from "../../src/shared/log.ts";
import { seed } from "../support/database.ts";
import { LIMITED_CLIENTS } from "./cases.ts";
import { type Candidate, type Running, type Surroundings, UNREACHED } from "./candidate.ts";
import { CANDIDATE_CORE, freePort, Process } from "./process.ts";

const DEFAULT =
  "gateway; gateway, pooled: TRANSPORT=pooled; gateway, pooled, log: TRANSPORT=pooled ACCESS_LOG=on";

export function gateways(text = process.env["BENCH_GATEWAYS"] ?? DEFAULT): Candidate[] {
  return text.split(";").map((part) => {
    const colon = part.indexOf(":");
    const name = (colon < 0 ? part : part.slice(0, colon)).trim();
    const settings =
      colon < 0
        ? []
        : part
            .slice(colon + 1)
            .trim()
            .split(/\s+/);
    const env = Object.fromEntries(settings.map((setting) => setting.split("=", 2))) as Record<
      string,
      string
    >;
    const executable = env["EXECUTABLE"] ?? join(import.meta.dir, "../../gateway");
    return {
      name,
      missing: Bun.which(executable) ? null : `${executable} is not built: bun run build`,
      start: (surroundings) => start(executable, env, surroundings),
    };
  });
}

async function start(
  executable: string,
  settings: Record<string, string>,
  { backends, clients, folder }: Surroundings,
): Promise<Running> {
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "gateway.db");
  const writer = { write: () => undefined };
  const log = createLogger({ level: "error", format: "json", component: "bench", writer });
  // Opened once for its tables.
  await (await openStore({ kind: "sqlite", path }, { log })).close();
  await seed({ kind: "sqlite", path }, clients, { capacity: 1e9, ratePerSec: UNREACHED });
  const port = await freePort();
  const child = new Process(CANDIDATE_CORE, [executable], {
    cwd: folder,
    env: {
      HOST: "127.0.0.1",
      PORT: String(port),
      WORKERS: "1",
      BACKENDS: backends.join(","),
      DATABASE_URL: `sqlite://${path}`,
      // The peers write none either.
      ACCESS_LOG: "off",
      ...settings,
    },
  });
  const origin = `http://127.0.0.1:${port}`;
  try {
    await child.answers(`${origin}/?client_id=client-0`);
    for (let i = 0; i < LIMITED_CLIENTS; i++) await addLimited(origin, `limited-${i}`);
  } catch (error) {
    await child.end();
    throw error;
  }
  return { pid: child.pid, admitting: origin, limiting: origin, end: () => child.end() };
}

async function addLimited(origin: string, clientId: string): Promise<void> {
  const answer = await fetch(`${origin}/clients`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({
      client_id: clientId,
      capacity: 1,
      rate_per_sec: 1e-6,
      current_tokens: 0,
    }),
  });
  if (answer.status !== 201) throw new Error(`${answer.status} ${await answer.text()}`);
}
