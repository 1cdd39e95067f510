// `gateway top`: who is being limited. Live on a terminal, one look otherwise.

import type { BackendStatus } from "../../control/status/model.ts";
import { EXIT, StartError } from "../../shared/start-error.ts";
import type { Top } from "../../shared/usage.ts";
import type { Ranking, RemoteCommand } from "../command.ts";
import { Metrics } from "./metrics-text.ts";
import { Output } from "./output.ts";
import type { RunningGateway } from "./running-gateway.ts";
import { LiveTerminal } from "./live-terminal.ts";
import { type Look, topScreen } from "./top-screen.ts";

type TopCommand = Extract<RemoteCommand, { name: "top" }>;

export async function top(gateway: RunningGateway, command: TopCommand): Promise<number> {
  const { by, limit, remote } = command;
  if (process.stdout.isTTY && process.stdin.isTTY && !remote.json) {
    return await live(gateway, command);
  }
  const output = Output.stdout();
  if (remote.json) await output.json(await readTop(gateway, by, limit));
  else {
    const look = await takeLook(gateway, by, limit);
    await output.lines(topScreen({ url: gateway.url, look, before: null, height: Infinity }));
  }
  await output.end();
  return EXIT.ok;
}

/** Ends by q, Ctrl-C or a signal. A gateway that is lost meanwhile is looked for until then. */
async function live(gateway: RunningGateway, command: TopCommand): Promise<number> {
  const { limit, intervalMs } = command;
  let { by } = command;
  // Before the screen is taken: what is wrong from the beginning is an error like any other.
  let look = await takeLook(gateway, by, limit);
  let before: Look | null = null;
  let lost = "";
  using terminal = new LiveTerminal();
  for (;;) {
    const { url } = gateway;
    const lines = topScreen({ url, look, before, height: terminal.height - 1 });
    terminal.show([
      ...lines.slice(0, terminal.height - 1),
      lost || "r rejected  a admitted  q quit",
    ]);
    const key = await terminal.key(intervalMs);
    if (key === "quit") return EXIT.ok;
    if (key === "r") by = "rejected";
    if (key === "a") by = "admitted";
    // Redrawing for a new size of the window needs no new look.
    if (key === "resize") continue;
    try {
      const next = await takeLook(gateway, by, limit);
      // Two looks in a moment, because of a key, say nothing about a rate.
      if (next.atMs - look.atMs >= intervalMs / 2) before = look;
      look = next;
      lost = "";
    } catch (error) {
      if (!(error instanceof StartError)) throw error;
      lost = `${error.message.split("\n")[0]}; trying again, q quits`;
    }
  }
}

async function takeLook(gateway: RunningGateway, by: Ranking, limit: number): Promise<Look> {
  const [topNow, { value }, metrics] = await Promise.all([
    readTop(gateway, by, limit),
    gateway.ask<{ backends: BackendStatus[] }>("GET", "/-/backends", { member: "backends" }),
    gateway.text("/-/metrics"),
  ]);
  const { backends } = value;
  return { atMs: Date.now(), top: topNow, backends, metrics: new Metrics(metrics) };
}

async function readTop(gateway: RunningGateway, by: Ranking, limit: number): Promise<Top> {
  const path = `/-/top?by=${by}&limit=${limit}`;
  return (await gateway.ask<Top>("GET", path, { member: "addresses" })).value;
}
