// A real logger whose lines are kept, and can be waited for.

import { createLogger, type Logger } from "../../src/shared/log.ts";

export type LogLine = Readonly<Record<string, unknown>>;

export interface RecordedLog {
  readonly logger: Logger;
  readonly lines: readonly LogLine[];
  /** The first line, past or future, that contains these fields. */
  line(fields: LogLine): Promise<LogLine>;
  /** Drops the lines so far. */
  forget(): void;
}

export function recordedLog(onLine: (line: LogLine) => void = () => {}): RecordedLog {
  const lines: LogLine[] = [];
  const waiting: { fields: LogLine; resolve: (line: LogLine) => void }[] = [];
  const write = (text: string): void => {
    const line = JSON.parse(text) as LogLine;
    lines.push(line);
    onLine(line);
    for (const { fields, resolve } of waiting) if (contains(line, fields)) resolve(line);
  };
  return {
    logger: createLogger({ level: "debug", format: "json", component: "test", writer: { write } }),
    lines,
    line(fields) {
      const { promise, resolve } = Promise.withResolvers<LogLine>();
      const past = lines.find((line) => contains(line, fields));
      if (past) resolve(past);
      else waiting.push({ fields, resolve });
      return promise;
    },
    forget() {
      lines.length = 0;
    },
  };
}

function contains(line: LogLine, fields: LogLine): boolean {
  return Object.entries(fields).every(([name, value]) => line[name] === value);
}
