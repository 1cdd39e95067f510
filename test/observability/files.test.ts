// The files for other tools are right by those tools' own word, and name no metric that is not there.

import { describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { FAMILIES } from "../../src/control/metrics/catalogue.ts";
import { grafanaDashboard } from "../../src/observability/grafana.ts";

const FOLDER = join(import.meta.dir, "..", "..", "src", "observability");
const DASHBOARD = join(FOLDER, "grafana-dashboard.json");

// In CI the checker has to be there; elsewhere its absence skips some tests.
const noPromtool = Bun.which("promtool") === null && process.env["CI"] !== "true";

async function promtool(...args: readonly string[]) {
  const tool = Bun.spawn(["promtool", ...args], { stdout: "pipe", stderr: "pipe" });
  const said = await Promise.all([
    new Response(tool.stdout).text(),
    new Response(tool.stderr).text(),
  ]);
  return { code: await tool.exited, said: said.join("") };
}

const SUFFIXES = { histogram: ["_bucket", "_sum", "_count"], summary: ["_sum", "_count"] };
const names = new Set([
  "up",
  ...FAMILIES.flatMap(({ name, type }) =>
    type === "histogram" || type === "summary"
      ? SUFFIXES[type].map((suffix) => name + suffix)
      : [name],
  ),
]);

const unknown = (expressions: readonly string[]): string[] =>
  expressions
    .flatMap((expression) => expression.match(/\b(?:gateway|process)_[a-z_]+|\bup\b/g) ?? [])
    .filter((name) => !names.has(name));

describe("alert rules", () => {
  test.skipIf(noPromtool)("are valid", async () => {
    const { code, said } = await promtool("check", "rules", join(FOLDER, "alerts.yaml"));
    expect([code, said]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });

  test.skipIf(noPromtool)("fire when they should, and only then", async () => {
    const { code, said } = await promtool("test", "rules", join(FOLDER, "alerts.test.yaml"));
    expect([code, said]).toEqual([0, expect.stringContaining("SUCCESS")]);
  });

  test("ask for metrics that there are", async () => {
    const { groups } = Bun.YAML.parse(await Bun.file(join(FOLDER, "alerts.yaml")).text()) as {
      groups: { rules: { expr: string }[] }[];
    };
    const expressions = groups.flatMap((group) => group.rules.map((rule) => rule.expr));
    expect(expressions.length).toBeGreaterThan(10);
    expect(unknown(expressions)).toEqual([]);
  });
});

describe("the Grafana dashboard", () => {
  interface Grid {
    readonly x: number;
    readonly y: number;
    readonly w: number;
    readonly h: number;
  }
  const dashboard = grafanaDashboard() as {
    panels: { id: number; type: string; gridPos: Grid; targets?: { expr: string }[] }[];
  };
  const expressions = dashboard.panels.flatMap(({ targets = [] }) => targets.map((t) => t.expr));

  test("is the file", async () => {
    const text = `${JSON.stringify(dashboard, null, 2)}\n`;
    if (Bun.env["UPDATE_FILES"]) await Bun.write(DASHBOARD, text);
    expect(JSON.parse(await Bun.file(DASHBOARD).text())).toEqual(JSON.parse(text));
  });

  test("asks for metrics that there are, and shows every counter of requests", () => {
    expect(unknown(expressions)).toEqual([]);
    const shown = expressions.join("\n");
    for (const name of ["gateway_requests_total", "gateway_limiter_decisions_total"]) {
      expect(shown).toContain(name);
    }
  });

  test("shows no age of decades for what never happened", () => {
    const ages = expressions.filter((expression) => expression.includes("_timestamp_seconds"));
    expect(ages.length).toBeGreaterThan(0);
    for (const age of ages) expect(age).toMatch(/_timestamp_seconds\{[^}]*\} > 0/);
  });

  test.skipIf(noPromtool)("asks in valid PromQL", async () => {
    const plain = expressions.map((expression) =>
      expression.replaceAll("$__rate_interval", "5m").replaceAll(/\$(job|instance)/g, ".*"),
    );
    const rules = plain.map((expr, i) => ({ record: `panel_${i}`, expr }));
    const folder = mkdtempSync(join(tmpdir(), "gateway-grafana-"));
    try {
      const file = join(folder, "panels.yaml");
      await Bun.write(file, JSON.stringify({ groups: [{ name: "panels", rules }] }));
      const { code, said } = await promtool("check", "rules", file);
      expect([code, said]).toEqual([0, expect.stringContaining(`${rules.length} rules found`)]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test("has each panel once, and none over another", () => {
    const { panels } = dashboard;
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const [i, { gridPos: a }] of panels.entries()) {
      expect(a.x + a.w).toBeLessThanOrEqual(24);
      for (const { gridPos: b } of panels.slice(i + 1)) {
        const apart = a.x + a.w <= b.x || b.x + b.w <= a.x || a.y + a.h <= b.y || b.y + b.h <= a.y;
        expect([a, b, apart]).toEqual([a, b, true]);
      }
    }
  });
});
