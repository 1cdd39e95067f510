// Text in columns, and numbers as people read them. Pure.

export interface Column {
  readonly title: string;
  readonly right?: boolean;
}

/** `widths`: from an earlier part of the same table. */
export function columnWidths(
  columns: readonly Column[],
  rows: readonly (readonly string[])[],
): number[] {
  return columns.map(({ title }, at) =>
    rows.reduce((width, row) => Math.max(width, row[at]!.length), title.length),
  );
}

export function line(
  columns: readonly Column[],
  widths: readonly number[],
  cells: readonly string[],
): string {
  const padded = columns.map(({ right }, at) =>
    right ? cells[at]!.padStart(widths[at]!) : cells[at]!.padEnd(widths[at]!),
  );
  return padded.join("  ").trimEnd();
}

/** With a line of titles. */
export function table(columns: readonly Column[], rows: readonly (readonly string[])[]): string[] {
  const widths = columnWidths(columns, rows);
  const titles = columns.map(({ title }) => title);
  return [titles, ...rows].map((cells) => line(columns, widths, cells));
}

/** One decimal below a hundred, whole above; `digits` more for less. */
export function shortNumber(value: number): string {
  if (value >= 100 || Number.isInteger(value)) return String(Math.round(value));
  // Down, not to the nearest: 0.96 tokens are not one.
  return String(Math.floor(value * 10) / 10);
}

/** `1,234,567` */
export function grouped(value: number): string {
  return value.toLocaleString("en-US", { maximumFractionDigits: 0 });
}

/** `1 row`, `1,200 rows` */
export function counted(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;
}

/** `3d 4h`, `5h 6m`, `7m 8s`, `9s`. */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const units: readonly (readonly [string, number])[] = [
    ["d", 86_400],
    ["h", 3_600],
    ["m", 60],
    ["s", 1],
  ];
  const first = units.findIndex(([, size]) => whole >= size);
  if (first === -1) return "0s";
  const parts = units.slice(first, first + 2).map(([name, size], at) => {
    const bigger = at === 0 ? Infinity : units[first]![1];
    return `${Math.floor((whole % bigger) / size)}${name}`;
  });
  return parts.filter((part, at) => at === 0 || !part.startsWith("0")).join(" ");
}
