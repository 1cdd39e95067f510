// The Kubernetes example without a cluster: it has the shape that the API's own schema wants, no
// field that does not exist, and says nothing of the gateway that is not true.

import { describe, expect, test } from "bun:test";
import { mkdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { ConfigMap } from "kubernetes-models/v1/ConfigMap";
import { Deployment, type IDeployment } from "kubernetes-models/apps/v1/Deployment";
import { PodDisruptionBudget } from "kubernetes-models/policy/v1/PodDisruptionBudget";
import { Service } from "kubernetes-models/v1/Service";
import { parseArguments } from "../../src/cli/arguments.ts";
import { loadConfig } from "../../src/config.ts";
import { meetingPlace } from "../../src/control/takeover/meeting-place.ts";
import pkg from "../../package.json" with { type: "json" };

const ROOT = join(import.meta.dir, "../..");
const FILE = join(ROOT, "src/packaging/kubernetes/gateway.yaml");

interface Manifest {
  readonly kind: string;
  readonly metadata: { readonly name: string };
}

const manifests = Bun.YAML.parse(await Bun.file(FILE).text()) as Manifest[];
const of = (kind: string): unknown => manifests.find((manifest) => manifest.kind === kind);
const deployment = of("Deployment") as IDeployment;
const pod = deployment.spec!.template;
const [container] = pod.spec!.containers;

describe("the API's schema", () => {
  const models = { ConfigMap, Deployment, PodDisruptionBudget, Service };

  test("every manifest is one of the API's", () => {
    expect(manifests.map(({ kind }) => kind).toSorted()).toEqual(Object.keys(models).toSorted());
  });

  test.each(Object.entries(models))("%s is valid", (kind, model) => {
    new model(of(kind) as never).validate();
  });

  test("the schema does refuse what is wrong", () => {
    const wrong = structuredClone(deployment) as { spec: { replicas: unknown } };
    wrong.spec.replicas = "one";
    expect(() => new Deployment(wrong as never).validate()).toThrow();
  });

  // The schema lets fields through that it does not know; the types do not.
  test("no field is misspelt", async () => {
    const folder = join(ROOT, ".tmp", `manifests-${process.pid}`);
    await mkdir(folder, { recursive: true });
    try {
      const check = async (all: readonly Manifest[]) => {
        const source = all.map(({ kind, ...rest }, at) => {
          const group = { Deployment: "apps/v1", PodDisruptionBudget: "policy/v1" }[kind] ?? "v1";
          const type = `import("kubernetes-models/${group}/${kind}").I${kind}`;
          const value = JSON.stringify({ ...rest, kind });
          return `export const manifest${at}: ${type} = ${value};\n`;
        });
        await Bun.write(join(folder, "manifests.ts"), source.join(""));
        const config = { extends: "../../tsconfig.json", include: ["manifests.ts"] };
        await Bun.write(join(folder, "tsconfig.json"), JSON.stringify(config));
        const { stdout, stderr } = Bun.spawnSync([process.execPath, "check"], { cwd: folder });
        return `${stdout.toString()}${stderr.toString()}`;
      };
      expect(await check(manifests)).toContain("No type errors");
      const misspelt = structuredClone(manifests) as unknown as { spec: Record<string, unknown> }[];
      misspelt[1]!.spec["replica"] = 1;
      expect(await check(misspelt as never)).toContain("does not exist in type 'IDeploymentSpec'");
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});

describe("what it says of the gateway", () => {
  test("the configuration is accepted, with the environment the secret brings", async () => {
    const { data } = of("ConfigMap") as { data: Record<string, string> };
    const folder = join(ROOT, ".tmp", `config-${process.pid}`);
    const file = join(folder, "gateway.yaml");
    await Bun.write(file, data["gateway.yaml"]!);
    const env = {
      ...Object.fromEntries(container!.env!.map(({ name, value }) => [name, value!])),
      DATABASE_URL: "postgres://user:password@host:5432/gateway",
      ADMIN_TOKEN: "0123456789abcdef",
    };
    const loaded = loadConfig({ file, env, terminal: false });
    await rm(folder, { recursive: true });
    if (!loaded.ok) throw new Error(loaded.problems.join("\n"));
    expect(loaded.config.port).toBe(container!.ports![0]!.containerPort);
    const { preStop } = container!.lifecycle!;
    const needed = preStop!.sleep!.seconds + loaded.config.timeouts.drainMs / 1000 + 10;
    expect(pod.spec!.terminationGracePeriodSeconds!).toBeGreaterThanOrEqual(needed);
  });

  test("the arguments are a command", () => {
    expect(parseArguments(container!.args!)).toMatchObject({
      ok: true,
      command: { name: "serve", config: "/etc/gateway/gateway.yaml" },
    });
    expect(container!.image).toEndWith(`/gateway:${pkg.version}`);
  });

  test("the one folder it writes to beside PostgreSQL can be written", () => {
    const place = { database: { kind: "postgres", url: "" }, host: "::", port: 3030 } as const;
    const folder = dirname(dirname(meetingPlace({ ...place, env: {} })));
    expect(folder).toBe(tmpdir());
    const mount = container!.volumeMounts!.find(({ mountPath }) => mountPath === "/tmp");
    expect(mount).toMatchObject({ name: "tmp" });
    expect(mount!.readOnly).toBeUndefined();
    const volume = pod.spec!.volumes!.find(({ name }) => name === "tmp");
    expect(volume!.emptyDir).toBeDefined();
  });

  test("probes ask routes that are open without the token", () => {
    const { startupProbe, readinessProbe, livenessProbe } = container!;
    const paths = [startupProbe, readinessProbe, livenessProbe].map(
      (probe) => probe!.httpGet!.path,
    );
    expect(paths).toEqual(["/-/healthy", "/-/ready", "/-/healthy"]);
  });

  test("holds no secret, and no more rights than it needs", async () => {
    const env = container!.env!.map(({ name }) => name);
    expect(env).not.toContain("ADMIN_TOKEN");
    expect(env).not.toContain("DATABASE_URL");
    expect(container!.envFrom).toEqual([{ secretRef: { name: "gateway" } }]);
    expect(container!.securityContext).toEqual({
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ["ALL"] },
    });
    expect(pod.spec!.securityContext).toMatchObject({ runAsNonRoot: true });
  });
});
