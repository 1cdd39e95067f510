// One plot over time, drawn by uPlot. It is made again when the theme changes, because a canvas
// keeps its colours; otherwise only its data changes. All plots share one cursor.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { columns, revision } from "./history.ts";
import { colour, isDark } from "./theme.ts";

export interface Series {
  readonly label: string;
  /** CSS variable of its colour. */
  readonly colour: string;
  /** Column of `SampleRow`. */
  readonly column: number;
  readonly filled?: boolean;
}

export interface PlotProps {
  readonly title: string;
  readonly series: readonly Series[];
  /** Of the newest sample back. */
  readonly seconds: number;
  readonly format: (value: number) => string;
  /** The axis goes at least this far, so that a quiet gateway does not look busy. */
  readonly least: number;
}

const HEIGHT = 210;

export function Plot(props: PlotProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const data = columns(
    props.series.map((series) => series.column),
    props.seconds,
  );
  const dark = isDark();
  void revision.value;

  useEffect(() => {
    const made = new uPlot(
      options(props, frame.current!, setPointed),
      data as never,
      frame.current!,
    );
    plot.current = made;
    const resize = new ResizeObserver(() => {
      made.setSize({ width: frame.current!.clientWidth, height: HEIGHT });
    });
    resize.observe(frame.current!);
    return () => {
      resize.disconnect();
      made.destroy();
    };
  }, [dark]);

  useEffect(() => {
    plot.current?.setData(data as never, false);
    const end = data[0]!.at(-1) ?? Date.now() / 1000;
    plot.current?.setScale("x", { min: end - props.seconds, max: end });
  }, [revision.value, props.seconds, dark]);

  const at = pointed === null || pointed >= data[0]!.length ? data[0]!.length - 1 : pointed;
  return (
    <figure class="card plot">
      <figcaption>
        <h2>{props.title}</h2>
        <ul class="legend">
          {props.series.map(({ label, colour, column }, index) => {
            const value = data[index + 1]![at] ?? null;
            return (
              <li key={column}>
                <i style={{ background: `var(${colour})` }} />
                {label} <b>{value === null ? "–" : props.format(value)}</b>
              </li>
            );
          })}
        </ul>
      </figcaption>
      <div class="canvas" ref={frame} role="img" aria-label={description(props, data)} />
    </figure>
  );
}

/** For who cannot see it: the newest value of each line, and its highest. */
function description({ title, series, format }: PlotProps, data: (number | null)[][]): string {
  const lines = series.map(({ label }, index) => {
    const values = data[index + 1]!.filter((value) => value !== null);
    if (values.length === 0) return `${label}: nothing`;
    return `${label}: ${format(values.at(-1)!)}, highest ${format(Math.max(...values))}`;
  });
  return `${title}. ${lines.join("; ")}.`;
}

function options(
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
  // A time at the very edge would be cut off.
  const last = max! - (max! - min!) * 0.04;
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
