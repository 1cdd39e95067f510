// The Prometheus text format 0.0.4 of all metrics. Pure apart from the reading it takes.
// https://prometheus.io/docs/instrumenting/exposition_formats/
// Always holds: HELP and TYPE once a family, before its samples; the last line ends in a newline.

import { FAMILIES } from "./catalogue.ts";
import type { Family, Sample } from "./family.ts";
import { type MetricsSources, takeReading } from "./sources.ts";

export type { MetricsSources } from "./sources.ts";

/** All metrics of the process; any worker can make them. */
export function metricsText(sources: MetricsSources): string {
  const reading = takeReading(sources);
  return FAMILIES.map((family) => familyText(family, family.samples(reading))).join("");
}

export function familyText(family: Family, samples: readonly Sample[]): string {
  if (samples.length === 0) return "";
  const { name, type } = family;
  const help = family.help.replaceAll("\\", "\\\\").replaceAll("\n", "\\n");
  const lines = samples.map(
    ({ suffix = "", labels = {}, value }) =>
      `${name}${suffix}${labelsText(labels)} ${numberText(value)}\n`,
  );
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join("")}`;
}

function labelsText(labels: Readonly<Record<string, string>>): string {
  const pairs = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`);
  return pairs.length === 0 ? "" : `{${pairs.join(",")}}`;
}

function escape(value: string): string {
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

function numberText(value: number): string {
  if (value === Number.POSITIVE_INFINITY) return "+Inf";
  return value === Number.NEGATIVE_INFINITY ? "-Inf" : String(value);
}
