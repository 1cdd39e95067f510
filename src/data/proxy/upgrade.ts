// Which wishes to leave HTTP go on to a backend. Pure.

import { Field } from "../http1/field-names.ts";
import type { RequestHead } from "../http1/request-head.ts";

/**
 * False for h2c: behind it, requests would pass that nobody has checked (and RFC 9113 §3.1 has
 * withdrawn it). Such a request goes on as if it had not asked.
 */
export function wantsUpgrade(head: RequestHead): boolean {
  if (!head.upgrade || head.length !== 0) return false;
  const { fields } = head;
  for (let at = fields.find(Field.UPGRADE); at >= 0; at = fields.find(Field.UPGRADE, at + 1)) {
    if (/\bh2c?\b/i.test(fields.value(at))) return false;
  }
  return true;
}
