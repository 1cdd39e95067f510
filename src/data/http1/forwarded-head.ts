// Writes heads for the other side from the bytes of the one that came: runs of fields that stay are
// copied as they are, the rest is left out, and framing is written anew from what was understood,
// so that both sides of the gateway see the same message. Pure over its writer.

import type { Fields } from "./fields.ts";
import { Field, HOP_BY_HOP, mask } from "./field-names.ts";
import { CHUNKED_LINE, CONTENT_LENGTH, UPGRADE_LINE } from "./framing-lines.ts";
import { CHUNKED } from "./message-length.ts";
import type { MessageWriter } from "./message-writer.ts";
import { Phrase } from "./phrase.ts";
import type { RequestHead } from "./request-head.ts";

const UPGRADE = mask(Field.UPGRADE);
const FRAMING = mask(Field.CONTENT_LENGTH, Field.TRANSFER_ENCODING);

const VERSION_AND_HOST = new Phrase(" HTTP/1.1\r\nHost: ");

/** Never relayed from a request: this hop writes its own or answers them itself. */
export const REQUEST_DROPS = HOP_BY_HOP | FRAMING | mask(Field.HOST, Field.EXPECT);
/** Never relayed from an answer. What a client makes of `_` is no backend's to exploit. */
export const ANSWER_DROPS = (HOP_BY_HOP | FRAMING) & ~mask(Field.MISTAKABLE);

/** Whole field lines but those whose id is in `drops`. */
export function copyFields(writer: MessageWriter, fields: Fields, drops: number): void {
  const { count, bytes } = fields;
  if (count === 0) return;
  const end = fields.next - 2;
  if ((fields.seen & drops) === 0) {
    writer.copy(bytes, fields.nameStart(0), end);
    return;
  }
  let run = -1;
  for (let field = 0; field < count; field++) {
    const drop = (drops & (1 << fields.id(field))) !== 0;
    if (drop && run >= 0) writer.copy(bytes, run, fields.nameStart(field));
    if (drop) run = -1;
    else if (run < 0) run = fields.nameStart(field);
  }
  if (run >= 0) writer.copy(bytes, run, end);
}

/**
 * Request line, `Host` and the fields that stay, each ended by CRLF; more may follow, then
 * `endRequest`. `drops` adds to REQUEST_DROPS; `upgrade` keeps the wish to leave HTTP. `authority` is
 * the other side's own: the host where the client named none, as HTTP/1.0 may (many servers refuse
 * the empty one that RFC 9112 §3.2 would have).
 */
export function beginRequest(
  writer: MessageWriter,
  head: RequestHead,
  drops: number,
  upgrade: boolean,
  authority: string,
): void {
  const { bytes } = head;
  writer.reset().copy(bytes, head.start, head.methodEnd).text(" ");
  if (head.plainTarget) writer.copy(bytes, head.pathStart, head.targetEnd);
  else writer.text(head.target);
  writer.phrase(VERSION_AND_HOST);
  if (head.authorityStart === head.authorityEnd) writer.text(authority);
  else writer.copy(bytes, head.authorityStart, head.authorityEnd);
  writer.crlf();
  copyFields(
    writer,
    head.fields,
    upgrade ? (REQUEST_DROPS | drops) & ~UPGRADE : REQUEST_DROPS | drops,
  );
  if (upgrade) writer.phrase(UPGRADE_LINE);
}

/** The framing of the body and the head's end. */
export function endRequest(writer: MessageWriter, head: RequestHead): void {
  if (head.length === CHUNKED) writer.phrase(CHUNKED_LINE);
  else if (head.length > 0 || head.fields.has(Field.CONTENT_LENGTH)) {
    writer.phrase(CONTENT_LENGTH).number(head.length).crlf();
  }
  writer.crlf();
}
