// The lines about this hop that heads of both directions end with, as they are written. Constant after
// loading.

import { Phrase } from "./phrase.ts";

/** Followed by the number and CRLF. */
export const CONTENT_LENGTH = new Phrase("Content-Length: ");
export const CHUNKED_LINE = new Phrase("Transfer-Encoding: chunked\r\n");
export const UPGRADE_LINE = new Phrase("Connection: Upgrade\r\n");
