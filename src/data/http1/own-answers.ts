// The server's own answers to what cannot be read as a request: problem details (RFC 9457), after
// which the connection is closed. Kept once made: a flood of bad requests costs no formatting.

import { problemBody } from "../../shared/problem.ts";
import { dateLine } from "./date.ts";
import type { MessageWriter } from "./message-writer.ts";
import { reasonOf } from "./reasons.ts";

interface Refusal {
  /** The status line, and the fields but for the date. */
  readonly head: Buffer;
  readonly body: Buffer;
}

const END = Buffer.from("\r\n");
const made = new Map<string, Refusal>();

/**
 * Makes the writer hold the whole answer. `fault` comes from a fixed set of texts, so the kept ones
 * are few. `toHead`: without the body, which would be read as the next answer (RFC 9110 §9.3.2).
 */
export function writeRefusal(
  writer: MessageWriter,
  status: number,
  fault: string,
  toHead: boolean,
): void {
  const key = `${status} ${fault}`;
  let refusal = made.get(key);
  if (refusal === undefined) made.set(key, (refusal = make(status, fault)));
  const { head, body } = refusal;
  writer.reset().add(head).phrase(dateLine()).add(END);
  if (!toHead) writer.add(body);
}

function make(status: number, fault: string): Refusal {
  const title = reasonOf(status);
  const detail =
    fault === "" ? "The gateway failed." : `The gateway refused the request: ${fault}.`;
  const body = Buffer.from(problemBody(status, { title, detail }));
  const retry = status === 503 || status === 429 ? "Retry-After: 1\r\n" : "";
  const head = Buffer.from(
    `HTTP/1.1 ${status} ${title}\r\nContent-Type: application/problem+json\r\n` +
      `Cache-Control: no-store\r\n${retry}Content-Length: ${body.length}\r\n` +
      "Connection: close\r\n",
  );
  return { head, body };
}
