// Structured logging: one line an event, `component` names who speaks. A logger only formats and
// hands finished lines to a sink; sinks batch, so no request ever waits for a write.

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
