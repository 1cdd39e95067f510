// The requests a second of each case as an SVG: one group of bars a case, each bar relative to the
// best candidate of its case. Colours suit a light and a dark page.

import type { Row } from "./report.ts";

const COLOURS = [
  "#2f7de1",
  "#7fb0f0",
  "#2ba84a",
  "#e08a1e",
  "#a05cc9",
  "#c94f4f",
  "#7a8794",
  "#3aa6a0",
];
const LABEL_WIDTH = 170;
const BAR_WIDTH = 420;
const BAR_HEIGHT = 14;
const GROUP_GAP = 14;
const LEGEND_HEIGHT = 26;

export function plot(rows: readonly Row[]): string {
  const names = [...new Set(rows.map((row) => row.candidate))];
  const colour = (name: string): string => COLOURS[names.indexOf(name) % COLOURS.length]!;
  const parts: string[] = [];
  let y = 20;
  for (const name of names) {
    parts.push(
      `<rect x="0" y="${y - 11}" width="12" height="12" fill="${colour(name)}"/>`,
      text(18, y, name),
    );
    y += 18;
  }
  y += LEGEND_HEIGHT - 18;
  for (const [title, group] of Map.groupBy(rows, (row) => row.title)) {
    const best = Math.max(...group.map((row) => row.requestsPerSecond));
    parts.push(text(0, y + BAR_HEIGHT, title));
    for (const row of group) {
      const width = ((row.requestsPerSecond / best) * BAR_WIDTH).toFixed(1);
      const value = Math.round(row.requestsPerSecond).toLocaleString("en");
      parts.push(
        `<rect x="${LABEL_WIDTH}" y="${y}" width="${width}" height="${BAR_HEIGHT - 2}" fill="${colour(row.candidate)}"/>`,
        text(LABEL_WIDTH + Number(width) + 6, y + BAR_HEIGHT - 4, `${value}/s`),
      );
      y += BAR_HEIGHT;
    }
    y += GROUP_GAP;
  }
  const width = LABEL_WIDTH + BAR_WIDTH + 90;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${y}" width="${width}" height="${y}" font-family="system-ui, sans-serif" font-size="12" role="img">
<title>Requests a second on one core</title>
${parts.join("\n")}
</svg>
`;
}

function text(x: number, y: number, content: string): string {
  const escaped = content.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
  return `<text x="${x}" y="${y}" fill="#808890">${escaped}</text>`;
}
