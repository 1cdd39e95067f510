// Numbers and times for people. Pure.

const WHOLE = new Intl.NumberFormat("en", { maximumFractionDigits: 0 });
const SHORT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** 0, 0.4, 12, 1,234, 56.7K: at most four digits or so. */
export function amount(value: number): string {
  if (value > 0 && value < 10) return `${Number(value.toFixed(1))}`;
  return value < 10_000 ? WHOLE.format(value) : SHORT.format(value);
}

export function whole(value: number): string {
  return WHOLE.format(value);
}

/** Milliseconds: 0.42 ms, 12 ms, 1.5 s. Null: a dash. */
export function latency(ms: number | null): string {
  if (ms === null) return "–";
  if (ms >= 1000) return `${Number((ms / 1000).toFixed(ms < 10_000 ? 1 : 0))} s`;
  return `${Number(ms.toFixed(ms < 1 ? 2 : ms < 10 ? 1 : 0))} ms`;
}

/** A length of time in its two largest units: 4 s, 2 min 5 s, 3 h 20 min, 2 d 4 h. */
export function span(seconds: number): string {
  const s = Math.max(0, Math.floor(seconds));
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${Math.floor(s / 60)} min ${s % 60} s`;
  if (s < 86_400) return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
  return `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h`;
}

export function ago(seconds: number): string {
  return seconds < 1 ? "just now" : `${span(seconds)} ago`;
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${WHOLE.format(count)} ${count === 1 ? one : many}`;
}
