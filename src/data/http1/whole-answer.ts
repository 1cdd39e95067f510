// Answers that are known whole before anybody asks: made once, written from phrases. For
// `Exchange.beginHead` and `sendWhole`.

import { problemBody, type ProblemMembers } from "../../shared/problem.ts";
import { Phrase } from "./phrase.ts";

export type Header = readonly [name: string, value: string];

export interface WholeAnswer {
  readonly status: number;
  /** The status line and fields, among them the body's length; whole lines, each with CRLF. */
  readonly head: Phrase;
  readonly body: Phrase;
}

/** All of it ASCII. */
export function wholeAnswer(
  status: number,
  reason: string,
  headers: readonly Header[],
  body: string,
): WholeAnswer {
  const length: Header = ["Content-Length", String(body.length)];
  const lines = [...headers, length].map(([name, value]) => `${name}: ${value}\r\n`);
  const head = new Phrase(`HTTP/1.1 ${status} ${reason}\r\n${lines.join("")}`);
  return { status, head, body: new Phrase(body) };
}

const PROBLEM: readonly Header[] = [
  ["Content-Type", "application/problem+json"],
  ["Cache-Control", "no-store"],
];

/** With problem details (RFC 9457) as its body. */
export function problemAnswer(
  status: number,
  members: ProblemMembers,
  headers: readonly Header[] = [],
  reason = members.title,
): WholeAnswer {
  return wholeAnswer(status, reason, [...PROBLEM, ...headers], problemBody(status, members));
}

/** A bug. */
export const GATEWAY_FAILED = problemAnswer(500, {
  title: "Internal Server Error",
  detail: "The gateway failed.",
});
