// The present time as `Date` says it (RFC 9110 §6.6.1), for the answers of one thread. Written by the
// first answer after a tick of the deadlines, so that an answer costs no look at the clock. Always
// holds: the text is made at most once a second, and follows the clock also when that is set back.

import { Phrase } from "./phrase.ts";

let due = true;
let second = -1;
let line = new Phrase("");

/** Time has passed: the next answer looks at the clock. */
export function dateDue(): void {
  due = true;
}

/** The whole field line, CRLF included. Does not change afterwards. */
export function dateLine(): Phrase {
  if (due) look(Date.now());
  return line;
}

function look(now: number): void {
  due = false;
  const present = Math.floor(now / 1000);
  if (present === second) return;
  second = present;
  // Its form is the one that HTTP prefers (RFC 9110 §5.6.7).
  line = new Phrase(`Date: ${new Date(now).toUTCString()}\r\n`);
}
