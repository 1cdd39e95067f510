// What a message's `Connection` fields ask for (RFC 9110 §7.6.1): options for this hop, and names of
// fields that end here. Marks the latter in the field table.

import { COMMA, HTAB, SP, TOKEN, latin1, spells } from "./bytes.ts";
import { Field, UNREMOVABLE } from "./field-names.ts";
import { DONE, type Fields, type Verdict } from "./fields.ts";

export const OPTION_CLOSE = 1;
export const OPTION_KEEP_ALIVE = 2;
export const OPTION_UPGRADE = 4;

/** Names in all `Connection` fields of a message. Each is looked for among all of its fields. */
const MOST_NAMES = 64;

export interface ConnectionOptions {
  /** OPTION_… bits. */
  options: number;
}

/** DONE with `out.options` set, or the status that refuses the message. */
export function connectionOptions(fields: Fields, out: ConnectionOptions): Verdict {
  const { bytes } = fields;
  let names = 0;
  out.options = 0;
  let field = fields.find(Field.CONNECTION);
  for (; field >= 0; field = fields.find(Field.CONNECTION, field + 1)) {
    const stop = fields.valueEnd(field);
    let at = memberStart(bytes, fields.valueStart(field), stop);
    while (at < stop) {
      const end = memberEnd(bytes, at, stop);
      if (end < 0) return fields.refuse(400, "a Connection field that is not a list of tokens");
      const option = optionOf(bytes, at, end);
      out.options |= option;
      if (option === 0) {
        if (++names > MOST_NAMES)
          return fields.refuse(431, `more than ${MOST_NAMES} names in Connection`);
        markNamed(fields, at, end);
      }
      at = memberStart(bytes, end, stop);
    }
  }
  return DONE;
}

/** Where the next member begins, or `stop`. Empty ones are allowed (RFC 9110 §5.6.1.2). */
function memberStart(bytes: Buffer, at: number, stop: number): number {
  while (at < stop && (bytes[at] === COMMA || bytes[at] === SP || bytes[at] === HTAB)) at++;
  return at;
}

/** Where the token at `start` ends; -1: that is no token, or more follows it than a comma. */
function memberEnd(bytes: Buffer, start: number, stop: number): number {
  let end = start;
  while (end < stop && TOKEN[bytes[end]!] === 1) end++;
  if (end === start) return -1;
  let at = end;
  while (at < stop && (bytes[at] === SP || bytes[at] === HTAB)) at++;
  return at === stop || bytes[at] === COMMA ? end : -1;
}

/** 0: the name of a field, present or not. */
function optionOf(bytes: Buffer, start: number, end: number): number {
  if (spells(bytes, start, end, "close")) return OPTION_CLOSE;
  if (spells(bytes, start, end, "keep-alive")) return OPTION_KEEP_ALIVE;
  return spells(bytes, start, end, "upgrade") ? OPTION_UPGRADE : 0;
}

function markNamed(fields: Fields, start: number, end: number): void {
  const { bytes } = fields;
  const name = latin1(bytes, start, end).toLowerCase();
  for (let field = 0; field < fields.count; field++) {
    if ((UNREMOVABLE & (1 << fields.id(field))) !== 0) continue;
    if (!spells(bytes, fields.nameStart(field), fields.nameEnd(field), name)) continue;
    fields.setId(field, Field.NAMED_BY_CONNECTION);
  }
}
