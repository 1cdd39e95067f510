// Which format of the metrics a scraper wants, by its Accept (RFC 9110 §12.5.1).

import type { MetricsFormat } from "./text.ts";

export const CONTENT_TYPES: Readonly<Record<MetricsFormat, string>> = {
  prometheus: "text/plain; version=0.0.4; charset=utf-8",
  openmetrics: "application/openmetrics-text; version=1.0.0; charset=utf-8",
};

/** OpenMetrics for those who ask for it by name, and not for less than for plain text. */
export function formatFor(accept: string | null): MetricsFormat {
  const open = weight(accept ?? "", "application/openmetrics-text");
  return open > 0 && open >= weight(accept ?? "", "text/plain") ? "openmetrics" : "prometheus";
}

/** The highest `q` of a media type that is named, 0 to 1; 0 when it is not. */
function weight(accept: string, wanted: string): number {
  let best = 0;
  for (const range of accept.toLowerCase().split(",")) {
    const [type, ...parameters] = range.split(";").map((part) => part.trim());
    if (type !== wanted) continue;
    const q = parameters.find((parameter) => parameter.startsWith("q="));
    const given = q === undefined ? 1 : Number(q.slice(2));
    if (given > best && given <= 1) best = given;
  }
  return best;
}
