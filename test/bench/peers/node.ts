// Two proxies of Node's ecosystem, when their packages can be found (NODE_PATH, or installed
// globally), with a token bucket a client before them.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { absent, type Candidate, proxyOf, UNREACHED } from "../candidate.ts";

export const httpProxy = onNode("http-proxy", ["http-proxy"]);
export const fastGateway = onNode("fast-gateway", ["fast-gateway"]);

function onNode(kind: string, packages: readonly string[]): Candidate {
  return proxyOf({
    name: `${kind} (Node)`,
    missing: absent("node") ?? lacking(packages),
    files: () => ({
      "proxy.cjs": readFileSync(join(import.meta.dir, "node-proxy.cjs"), "utf8"),
    }),
    command: (ports, { backends }) => [
      "env",
      `NODE_PATH=${modules()}`,
      "node",
      "proxy.cjs",
      kind,
      String(ports.admitting),
      String(ports.limiting),
      String(UNREACHED),
      ...backends,
    ],
  });
}

function lacking(packages: readonly string[]): string | null {
  const script = packages.map((name) => `require.resolve("${name}")`).join(";");
  const { success } = Bun.spawnSync(["node", "-e", script], {
    cwd: "/",
    env: { PATH: process.env["PATH"] ?? "", NODE_PATH: modules() },
    stderr: "ignore",
  });
  return success ? null : `the packages ${packages.join(", ")} are not installed`;
}

function modules(): string {
  return process.env["NODE_PATH"] ?? "/usr/local/lib/node_modules:/usr/lib/node_modules";
}
