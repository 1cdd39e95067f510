// One plot over time, drawn by uPlot. It is made again when the theme changes, because a canvas
// keeps its colours; otherwise only its data changes. All plots share one cursor.

import { useEffect, useRef, useState } from "preact/hooks";
import uPlot from "uplot";
import { columns, revision } from "./history.ts";
import { HEIGHT, plotOptions } from "./plot-options.ts";
import { isDark } from "./theme.ts";

export interface Series {
  readonly label: string;
  /** CSS variable of its colour. */
  readonly colour: string;
  /** Column of `SampleRow`. */
  readonly column: number;
  readonly filled?: boolean;
  /** Mostly 0, and not drawn then: along the axis it would only cover the others. */
  readonly rare?: boolean;
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

export function Plot(props: PlotProps) {
  const frame = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [pointed, setPointed] = useState<number | null>(null);
  const data = columns(
    props.series.map((series) => series.column),
    props.seconds,
  );
  const drawn = data.map((values, at) => (props.series[at - 1]?.rare ? peaks(values) : values));
  const dark = isDark();
  void revision.value;

  useEffect(() => {
    const made = new uPlot(
      plotOptions(props, frame.current!, setPointed),
      drawn as never,
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
    plot.current?.setData(drawn as never, false);
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

/** Without the zeros that no other value is next to. */
function peaks(values: readonly (number | null)[]): (number | null)[] {
  return values.map((value, at) => (value || values[at - 1] || values[at + 1] ? value : null));
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
