// Structured logging: one line an event, `component` names who speaks. A logger only formats and
// hands finished lines to a writer; writers batch (see line-batch.ts), so no request ever waits for
// a write. Nothing a stranger sends can break a line or reach a terminal as a control sequence.

export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFields = Readonly<Record<string, string | number | boolean | null | undefined>>;

export interface Logger {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** The same logger speaking as another component, e.g. `load_balancer`, `rate_limiter`. */
  child(component: string): Logger;
}

/** Takes finished lines: one or more, each ending in a newline. Never blocks, never throws. */
export interface LineWriter {
  write(lines: string): void;
}

/** Where the lines of all threads end. */
export interface LineOutput extends LineWriter {
  /** Also as bytes, in UTF-8, which are its own from then on. */
  write(lines: string | Uint8Array): void;
}

export interface LoggerOptions {
  /** Quieter events are not even formatted. */
  readonly level: LogLevel;
  readonly format: "json" | "text";
  readonly component: string;
  readonly writer: LineWriter;
  /** Wall clock in milliseconds since 1970; a test may pass its own. */
  readonly now?: () => number;
}

export const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/** JSON: `{"time","level","component","message",…fields}`; text: the same, aligned for people. */
export function createLogger(options: LoggerOptions): Logger {
  const { component, writer, now = Date.now } = options;
  const format = options.format === "json" ? jsonLine : textLine;
  const loudest = LOG_LEVELS.indexOf(options.level);
  const at = (level: LogLevel) =>
    LOG_LEVELS.indexOf(level) < loudest
      ? silence
      : (message: string, fields?: LogFields) =>
          writer.write(format(now(), level, component, message, fields));
  return {
    debug: at("debug"),
    info: at("info"),
    warn: at("warn"),
    error: at("error"),
    child: (name) => createLogger({ ...options, component: name }),
  };
}

function silence(): void {}

type Line = (
  time: number,
  level: LogLevel,
  component: string,
  message: string,
  fields: LogFields | undefined,
) => string;

// A field may not pass for one of the line's own.
const OWN = new Set(["time", "level", "component", "message"]);

const jsonLine: Line = (time, level, component, message, fields) => {
  const line: Record<string, unknown> = { time: isoTime(time), level, component, message };
  for (const name in fields) {
    const value = fields[name];
    // JSON has no infinities; a text says more than null.
    const whole = typeof value !== "number" || Number.isFinite(value);
    line[OWN.has(name) ? `${name}_` : name] = whole ? value : String(value);
  }
  return bare(JSON.stringify(line)) + "\n";
};

const textLine: Line = (time, level, component, message, fields) => {
  let line = `${isoTime(time)} ${level.padEnd(5)} ${component.padEnd(13)} ${bare(message)}`;
  for (const name in fields) {
    const value = fields[name];
    if (value !== undefined) line += ` ${bare(name)}=${textValue(value)}`;
  }
  return line + "\n";
};

// A busy worker writes several lines of the same millisecond one after the other.
let lastTime = Number.NaN;
let lastIso = "";

/** Of milliseconds since 1970: `2026-01-31T12:00:00.000Z`. */
export function isoTime(time: number): string {
  if (time !== lastTime) {
    lastIso = new Date(time).toISOString();
    lastTime = time;
  }
  return lastIso;
}

function textValue(value: string | number | boolean | null): string {
  return typeof value === "string" && !/^[^\s"=\\]+$/.test(value)
    ? quote(value)
    : bare(String(value));
}

// JSON.stringify leaves DEL, the C1 controls (0x9b starts a terminal sequence), the Unicode line
// separators and the bidirectional overrides as they are; a viewer would act on them.
// oxlint-disable-next-line no-control-regex -- control characters are what it is about
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069]/g;

/** As a JSON string that no viewer acts on. */
export function quote(text: string): string {
  return bare(JSON.stringify(text));
}

function bare(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
