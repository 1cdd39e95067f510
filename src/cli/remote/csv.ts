// Comma-separated values (RFC 4180), read and written. Pure. Read generously in what spreadsheets
// do: LF or CRLF, a byte order mark, quotes where none are needed; strictly in all else.

export interface CsvRecord {
  /** Of the record's first character in the file, from 1. */
  readonly line: number;
  readonly fields: readonly string[];
  /** Not null: what is wrong with the record. */
  readonly problem: string | null;
}

/** One field at a time: quoted, or up to the next comma or end of line. Sticky. */
const FIELD = /"((?:[^"]|"")*)"|([^",\r\n]*)/y;

/** Blank lines are passed over. */
export function* readCsv(text: string): Generator<CsvRecord> {
  let at = text.startsWith("\uFEFF") ? 1 : 0;
  let line = 1;
  while (at < text.length) {
    const start = line;
    const fields: string[] = [];
    let problem: string | null = null;
    for (;;) {
      FIELD.lastIndex = at;
      const [whole, quoted, plain] = FIELD.exec(text)!;
      at += whole.length;
      fields.push(quoted === undefined ? plain! : quoted.replaceAll('""', '"'));
      if (quoted !== undefined) line += occurrences(quoted, "\n");
      if (text[at] !== ",") break;
      at++;
    }
    if (text[at] === "\r") at++;
    if (at < text.length && text[at] !== "\n") {
      problem = "a quote is out of place";
      const end = text.indexOf("\n", at);
      at = end === -1 ? text.length : end;
    }
    at++;
    line++;
    if (fields.length > 1 || fields[0] !== "" || problem) yield { line: start, fields, problem };
  }
}

/** One record without its end of line. */
export function csvLine(fields: readonly (string | number)[]): string {
  return fields.map((field) => csvField(String(field))).join(",");
}

function csvField(text: string): string {
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

function occurrences(text: string, part: string): number {
  return text.split(part).length - 1;
}
