// What can be checked of the container files without a container engine.

import { describe, expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { parseArguments } from "../../src/cli/arguments.ts";
import { loadConfig } from "../../src/config.ts";
import { SETTING_NAMES } from "../../src/config/settings.ts";
import pkg from "../../package.json" with { type: "json" };

const ROOT = join(import.meta.dir, "../..");

interface Service {
  readonly command?: string[];
  readonly environment?: Record<string, string>;
  readonly hostname?: string;
  readonly networks?: Record<string, unknown>;
  readonly ports?: string[];
  readonly healthcheck?: { readonly test: string[] };
}

interface Compose {
  readonly services: Record<string, Service>;
  readonly networks: Record<
    string,
    { internal?: boolean; ipam?: { config: { subnet: string; gateway: string }[] } }
  >;
}

/** The file as docker-compose reads it, with anchors merged. */
function compose(): Compose {
  const { stdout, stderr, exitCode } = Bun.spawnSync(["docker-compose", "config"], {
    cwd: ROOT,
    env: { PATH: process.env["PATH"] ?? "" },
  });
  if (exitCode !== 0) throw new Error(stderr.toString());
  return Bun.YAML.parse(stdout.toString()) as Compose;
}

describe("docker-compose.yml", () => {
  const { services, networks } = compose();
  const gateway = services["gateway"]!;

  test("configures the gateway with settings that exist and are accepted", () => {
    const env = gateway.environment!;
    expect(Object.keys(env).filter((name) => !SETTING_NAMES.includes(name as never))).toEqual([]);
    const loaded = loadConfig({ file: null, env, terminal: false });
    if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
    expect(loaded.warnings).toEqual([]);
    for (const { url } of loaded.config.backends) {
      const { hostname, port } = new URL(url);
      expect(services[hostname]?.command).toEqual(["hello", "--port", port]);
      expect(services[hostname]?.hostname).toBe(hostname);
    }
    expect(loaded.config.backends).toHaveLength(3);
  });

  test("publishes one port, on loopback, and holds no secret", () => {
    const ports = Object.values(services).flatMap((service) => service.ports ?? []);
    expect(ports).toEqual(["127.0.0.1:3030:3030/tcp"]);
    expect(JSON.stringify(services)).not.toMatch(/password|:\/\/[^/"]*:[^/"]*@/i);
    expect(gateway.environment!["ADMIN_TOKEN"]).toBe("");
  });

  test("keeps the database, which trusts its network, away from all but the gateway", () => {
    expect(networks["database"]?.internal).toBe(true);
    const neighbours = Object.keys(services).filter(
      (name) => "database" in services[name]!.networks!,
    );
    expect(neighbours.toSorted()).toEqual(["database", "gateway"]);
    expect(services["database"]!.networks).toEqual({ database: null });
  });

  test("lets this machine use the control routes, and no container", () => {
    const address = networks["public"]!.ipam!.config[0]!.gateway;
    expect(gateway.environment!["ADMIN_ALLOW"]!.split(",")).toEqual([
      "127.0.0.0/8",
      "::1",
      address,
    ]);
  });

  test("checks health with commands the executable knows", () => {
    const checks = Object.values(services).flatMap(({ healthcheck }) => healthcheck?.test ?? []);
    const [, , ...args] = services["hello-1"]!.healthcheck!.test;
    expect(checks).toContain("/gateway");
    expect(parseArguments(args)).toMatchObject({ ok: true, command: { name: "probe" } });
    expect(parseArguments(services["hello-1"]!.command!)).toMatchObject({
      ok: true,
      command: { name: "hello", port: 8080 },
    });
  });
});

describe("Dockerfile", async () => {
  const file = await Bun.file(join(ROOT, "Dockerfile")).text();

  test("pins the Bun that the wrapper and the types are of", async () => {
    const pinned = /^VERSION=(.+)$/m.exec(await Bun.file(join(ROOT, ".ci/bun")).text())![1]!;
    expect(file).toContain(`FROM oven/bun:${pinned} `);
    expect(pkg.devDependencies["bun-types"]).toBe(pinned);
  });

  test("checks health with a command the executable knows", () => {
    const [, ...args] = JSON.parse(/HEALTHCHECK[\s\S]*?CMD (\[.*\])/.exec(file)![1]!) as string[];
    expect(parseArguments(args)).toMatchObject({ ok: true, command: { name: "probe" } });
  });

  test("is given everything the build reads", async () => {
    const ignore = await Bun.file(join(ROOT, ".dockerignore")).text();
    const given = [...ignore.matchAll(/^!(.+)$/gm)].map(([, path]) => path!);
    for (const path of given) expect(existsSync(join(ROOT, path))).toBe(true);
    expect(given).toEqual(expect.arrayContaining(["src", "drizzle", "package.json", "bun.lock"]));
  });
});
