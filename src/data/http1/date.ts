// The present time as `Date` says it (RFC 9110 §6.6.1). Written by whoever asks first in a second; each
// thread has its own. Always holds: the text is made at most once a second, whatever the load, and
// follows the clock also when that is set back.

let second = -1;
let line = "";

/** The whole field line, CRLF included. */
export function dateLine(): string {
  const now = Date.now();
  const present = Math.floor(now / 1000);
  if (present !== second) {
    second = present;
    // Its form is the one that HTTP prefers (RFC 9110 §5.6.7).
    line = `Date: ${new Date(now).toUTCString()}\r\n`;
  }
  return line;
}
