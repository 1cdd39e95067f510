// How a plot looks: axes, lines and the veil below them, as uPlot wants to be told.

import type uPlot from "uplot";
import type { PlotProps } from "./plot.tsx";
import { colour } from "./theme.ts";

/** Pixels. */
export const HEIGHT = 210;

export function plotOptions(
  { series, format, least }: PlotProps,
  frame: HTMLElement,
  point: (index: number | null) => void,
): uPlot.Options {
  const axis = {
    stroke: colour("--quiet"),
    grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false },
    font: "12px system-ui, sans-serif",
  };
  return {
    width: frame.clientWidth,
    height: HEIGHT,
    padding: [12, 6, 0, 0],
    legend: { show: false },
    cursor: {
      sync: { key: "time" },
      drag: { x: false, y: false },
      points: { size: 7 },
      y: false,
    },
    hooks: { setCursor: [(plot) => point(plot.cursor.idx ?? null)] },
    scales: {
      x: { time: true },
      y: { range: (_, __, max) => [0, Math.max(least, (max || 0) * 1.1)] },
    },
    axes: [
      { ...axis, grid: { show: false }, size: 34, gap: 10, space: 80, values: times },
      { ...axis, size: 62, space: 36, values: (_, ticks) => ticks.map((tick) => format(tick)) },
    ],
    series: [
      {},
      ...series.map(({ label, colour: name, filled }) => ({
        label,
        stroke: colour(name),
        width: 1.75,
        points: { size: 5, filter: alone },
        ...(filled ? { fill: faded(colour(name)) } : {}),
      })),
    ],
  };
}

/** Only a value without neighbours gets a point: no line would show it. */
const alone: uPlot.Series.Points.Filter = (plot, series) => {
  const values = plot.data[series]!;
  const known = (index: number): boolean => typeof values[index] === "number";
  return [...values.keys()].filter((at) => known(at) && !known(at - 1) && !known(at + 1));
};

const CLOCK = new Intl.DateTimeFormat(undefined, {
  hour: "2-digit",
  minute: "2-digit",
  hourCycle: "h23",
});
const SECONDS = new Intl.DateTimeFormat(undefined, { timeStyle: "medium", hourCycle: "h23" });

function times(plot: uPlot, ticks: number[]): string[] {
  const format = (ticks[1] ?? 0) - (ticks[0] ?? 0) < 60 ? SECONDS : CLOCK;
  const { min = 0, max = 0 } = plot.scales["x"]!;
  // A time at the very edge would be cut off: half of one is some 30 pixels wide.
  const last = max - ((max - min) * 30 * devicePixelRatio) / plot.bbox.width;
  return ticks.map((tick) => (tick > last ? "" : format.format(tick * 1000)));
}

/** The colour as a veil below a line: darker at the top. */
function faded(line: string): (plot: uPlot) => CanvasGradient {
  return (plot) => {
    const gradient = plot.ctx.createLinearGradient(
      0,
      plot.bbox.top,
      0,
      plot.bbox.top + plot.bbox.height,
    );
    gradient.addColorStop(0, `${line}40`);
    gradient.addColorStop(1, `${line}05`);
    return gradient;
  };
}
