// The server's own answers to what cannot be read as a request: problem details (RFC 9457), after
// which the connection is closed. Kept once made: a flood of bad requests costs no formatting.

import { problemBody } from "../../shared/problem.ts";
import { reasonOf } from "./reasons.ts";

const made = new Map<string, Buffer>();

/** `fault` comes from a fixed set of texts, so the kept answers are few. */
export function refusal(status: number, fault: string): Buffer {
  const key = `${status} ${fault}`;
  let bytes = made.get(key);
  if (bytes === undefined) made.set(key, (bytes = make(status, fault)));
  return bytes;
}

function make(status: number, fault: string): Buffer {
  const title = reasonOf(status);
  const detail =
    fault === "" ? "The gateway failed." : `The gateway refused the request: ${fault}.`;
  const body = problemBody(status, { title, detail });
  const retry = status === 503 || status === 429 ? "Retry-After: 1\r\n" : "";
  return Buffer.from(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\n` +
      `Cache-Control: no-store\r\n${retry}Content-Length: ${Buffer.byteLength(body)}\r\n` +
      `Connection: close\r\n\r\n${body}`,
  );
}
