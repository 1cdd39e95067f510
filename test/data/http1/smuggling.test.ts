// The parsers see the one meaning of each gadget, or none.

import { expect, test } from "bun:test";
import { ChunkedDecoder, CHUNK_DONE, CHUNK_FAULT } from "../../../src/data/http1/chunked.ts";
import { BODIES, HEADS } from "./gadgets.ts";
import { bytesOf, parseInPieces, seen } from "./pieces.ts";

test.each(HEADS.map(([name, status, text]) => ({ name, status, text })))(
  "head: $name",
  ({ status, text }) => {
    expect(seen(parseInPieces(text)).status).toBe(status);
  },
);

test.each(BODIES.map(([name, valid, text]) => ({ name, valid, text })))(
  "chunks: $name",
  ({ valid, text }) => {
    const decoder = new ChunkedDecoder();
    const bytes = bytesOf(text);
    let result: number;
    do result = decoder.decode(bytes, bytes.length);
    while (result !== CHUNK_DONE && result !== CHUNK_FAULT && decoder.next < bytes.length);
    expect(result).toBe(valid ? CHUNK_DONE : CHUNK_FAULT);
  },
);
