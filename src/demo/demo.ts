// `gateway demo`: three backends, a gateway with a database that is forgotten at the end, sample
// clients registered through the API as anyone would, and lines to try. Settings of the environment
// apply, apart from BACKENDS and DATABASE_URL, which are the demo's own.

import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Listening, runGateway } from "../cli/serve.ts";
import { type Config, loadConfig } from "../config.ts";
import type { NewClient } from "../shared/clients.ts";
import { EXIT, StartError } from "../shared/start-error.ts";
import { type DemoBackend, startBackends } from "./backends.ts";
import { invitation } from "./invitation.ts";

const CLIENTS: readonly NewClient[] = [
  { client_id: "client9", capacity: 100, rate_per_sec: 5, current_tokens: 50 },
  { client_id: "free", capacity: 10, rate_per_sec: 1 },
  { client_id: "premium", capacity: 10_000, rate_per_sec: 1_000 },
];

export async function demo(): Promise<number> {
  const folder = await mkdtemp(join(tmpdir(), "gateway-demo-"));
  const backends: DemoBackend[] = [];
  try {
    backends.push(...(await startBackends(3)));
    const { config, warnings } = demoConfig(backends, join(folder, "gateway.db"));
    return await runGateway({
      config,
      warnings,
      onListening: (listening) => void present(listening, config, backends),
    });
  } finally {
    await Promise.all(backends.map((backend) => backend.stop()));
    await rm(folder, { recursive: true, force: true });
  }
}

function demoConfig(backends: readonly DemoBackend[], database: string) {
  const loaded = loadConfig({
    file: null,
    env: {
      LOG_FORMAT: "text",
      // Told apart from the guide's lines only with effort; ACCESS_LOG=on brings them back.
      ACCESS_LOG: "off",
      HEALTH_INTERVAL: "500ms",
      HEALTH_TIMEOUT: "400ms",
      ...process.env,
      GATEWAY_CONFIG: "",
      BACKENDS: backends.map((backend) => backend.url).join(","),
      DATABASE_URL: `sqlite://${database}`,
    },
    terminal: process.stdout.isTTY,
  });
  if (!loaded.ok) throw new StartError(EXIT.config, loaded.problems.join("\n"));
  return loaded;
}

async function present(
  { host, port, output, log }: Listening,
  config: Config,
  backends: readonly DemoBackend[],
): Promise<void> {
  const origin = `http://${reachable(host)}:${port}`;
  for (const client of CLIENTS) {
    const refusal = await register(origin, client, config.admin.token);
    if (refusal !== null) log.warn("sample client not registered", { ...client, refusal });
  }
  output.write(invitation({ origin, clients: CLIENTS, backends }));
}

/** Where this machine reaches a listener on `host`. */
function reachable(host: string): string {
  if (host === "::" || host === "0.0.0.0") return "localhost";
  return host.includes(":") ? `[${host}]` : host;
}

/** Null when it is registered, else why not. */
async function register(
  origin: string,
  client: NewClient,
  token: string | null,
): Promise<string | null> {
  const headers = new Headers({ "Content-Type": "application/json" });
  if (token !== null) headers.set("Authorization", `Bearer ${token}`);
  try {
    const body = JSON.stringify(client);
    const response = await fetch(`${origin}/clients`, { method: "POST", headers, body });
    return response.ok ? null : `${response.status} ${await response.text()}`;
  } catch (error) {
    return String(error);
  }
}
