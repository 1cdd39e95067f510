// What a message's `Connection` fields ask for (RFC 9110 §7.6.1): options for this hop, and names of
// fields that end here. Marks the latter in the field table.

import { COMMA, HTAB, SP, TOKEN, latin1, spells } from "./bytes.ts";
import { Field, UNREMOVABLE } from "./field-names.ts";
import { DONE, type Fields, type Verdict } from "./fields.ts";

export const OPTION_CLOSE = 1;
export const OPTION_KEEP_ALIVE = 2;
export const OPTION_UPGRADE = 4;

export interface ConnectionOptions {
  /** OPTION_… bits. */
  options: number;
}

/** DONE with `out.options` set, or 400 for a value that is no list of tokens. */
export function connectionOptions(fields: Fields, out: ConnectionOptions): Verdict {
  out.options = 0;
  let field = fields.find(Field.CONNECTION);
  for (; field >= 0; field = fields.find(Field.CONNECTION, field + 1)) {
    const options = listed(fields, fields.valueStart(field), fields.valueEnd(field));
    if (options < 0) return fields.refuse(400, "a Connection field that is not a list of tokens");
    out.options |= options;
  }
  return DONE;
}

/** The options in one list, -1 for bad syntax. Empty members are allowed (RFC 9110 §5.6.1.2). */
function listed(fields: Fields, start: number, end: number): number {
  const bytes = fields.bytes;
  let options = 0;
  for (let at = start; at < end;) {
    if (bytes[at] === COMMA || bytes[at] === SP || bytes[at] === HTAB) {
      at++;
      continue;
    }
    const member = at;
    while (at < end && TOKEN[bytes[at]!] === 1) at++;
    if (at === member) return -1;
    options |= option(fields, member, at);
    while (at < end && (bytes[at] === SP || bytes[at] === HTAB)) at++;
    if (at < end && bytes[at] !== COMMA) return -1;
  }
  return options;
}

function option(fields: Fields, start: number, end: number): number {
  const bytes = fields.bytes;
  if (spells(bytes, start, end, "close")) return OPTION_CLOSE;
  if (spells(bytes, start, end, "keep-alive")) return OPTION_KEEP_ALIVE;
  if (spells(bytes, start, end, "upgrade")) return OPTION_UPGRADE;
  const name = latin1(bytes, start, end).toLowerCase();
  for (let field = 0; field < fields.count; field++) {
    if ((UNREMOVABLE & (1 << fields.id(field))) !== 0) continue;
    if (!spells(bytes, fields.nameStart(field), fields.nameEnd(field), name)) continue;
    fields.setId(field, Field.NAMED_BY_CONNECTION);
  }
  return 0;
}
