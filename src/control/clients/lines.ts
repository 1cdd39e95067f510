// Splits a body into its lines as it arrives, numbered from 1, within limits for a line and for all.
// UTF-8 is checked line by line: no byte of a line feed is part of another character.

import { Refusal } from "../refusal.ts";

export interface LineLimits {
  /** Bytes. */
  readonly line: number;
  readonly total: number;
}

export interface Line {
  readonly number: number;
  /** Without its end; null when it is too long, or not UTF-8. */
  readonly text: string | null;
}

const LINE_FEED = 10;
const utf8 = new TextDecoder("utf-8", { fatal: true });

/** Throws a `Refusal` (413) after the last line within the limit of all. Blank lines are left out. */
export async function* linesOf(
  body: AsyncIterable<Uint8Array>,
  limits: LineLimits,
): AsyncGenerator<Line> {
  let number = 0;
  let size = 0;
  /** The beginning of a line that goes on in the next piece. */
  let parts: Uint8Array[] = [];
  let held = 0;
  for await (const piece of body) {
    size += piece.byteLength;
    if (size > limits.total) {
      const detail = `All lines together may have at most ${limits.total} bytes.`;
      throw new Refusal(413, "Content Too Large", detail);
    }
    let start = 0;
    for (let end = piece.indexOf(LINE_FEED); end >= 0; end = piece.indexOf(LINE_FEED, start)) {
      parts.push(piece.subarray(start, end));
      const line = lineOf(parts, ++number, limits);
      if (line) yield line;
      parts = [];
      held = 0;
      start = end + 1;
    }
    const rest = piece.subarray(start);
    held += rest.byteLength;
    // Of a line that is too long, only that is kept.
    if (held <= limits.line + 1) parts.push(rest);
    else parts = [new Uint8Array(limits.line + 1)];
  }
  const line = lineOf(parts, number + 1, limits);
  if (line) yield line;
}

function lineOf(parts: readonly Uint8Array[], number: number, limits: LineLimits): Line | null {
  const bytes = parts.length === 1 ? parts[0]! : Buffer.concat(parts);
  if (bytes.byteLength > limits.line) return { number, text: null };
  try {
    const text = utf8.decode(bytes).trim();
    return text === "" ? null : { number, text };
  } catch {
    return { number, text: null };
  }
}
