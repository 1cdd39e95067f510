// All metrics as text, in one of two formats. Pure apart from the reading it takes.
// Prometheus 0.0.4: https://prometheus.io/docs/instrumenting/exposition_formats/
// OpenMetrics 1.0: https://prometheus.io/docs/specs/om/open_metrics_spec/
// Always holds: the lines about a family come once and before its samples; the last line ends in a
// newline.

import { FAMILIES } from "./catalogue.ts";
import type { Family, Sample } from "./family.ts";
import { type MetricsSources, takeReading } from "./sources.ts";

export type { MetricsSources } from "./sources.ts";

export type MetricsFormat = "prometheus" | "openmetrics";

/** All metrics of the process; any worker can make them. */
export function metricsText(format: MetricsFormat, sources: MetricsSources): string {
  const reading = takeReading(sources);
  const text = FAMILIES.map((family) => familyText(format, family, family.samples(reading)));
  return text.join("") + (format === "openmetrics" ? "# EOF\n" : "");
}

export function familyText(
  format: MetricsFormat,
  family: Family,
  samples: readonly Sample[],
): string {
  if (samples.length === 0) return "";
  const lines = samples.map(
    ({ suffix = "", labels = {}, value }) =>
      `${family.name}${suffix}${labelsText(format, labels)} ${numberText(value)}\n`,
  );
  return headText(format, family) + lines.join("");
}

function headText(format: MetricsFormat, { name, type, help }: Family): string {
  if (format === "prometheus") {
    const escaped = help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
    return `# HELP ${name} ${escaped}\n# TYPE ${name} ${type}\n`;
  }
  // Of a counter, `_total` belongs to the sample and not to the family.
  const family = type === "counter" ? name.replace(/_total$/, "") : name;
  const unit = /_(seconds|bytes)$/.exec(family)?.[1];
  return (
    `# TYPE ${family} ${type}\n` +
    (unit ? `# UNIT ${family} ${unit}\n` : "") +
    `# HELP ${family} ${escape(help)}\n`
  );
}

function labelsText(format: MetricsFormat, labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => {
    // A bound is a number there, and `1` is another label than `1.0`.
    const whole = format === "openmetrics" && name === "le" && /^\d+$/.test(value);
    return `${name}="${escape(whole ? `${value}.0` : value)}"`;
  });
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
