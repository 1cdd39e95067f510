// The four forms of a request target (RFC 9112 §3.2), told apart by bytes. An absolute target's
// authority wins over `Host`. Which method may use which form is checked here too.

import { isAuthority, isAuthorityWithPort } from "./authority.ts";
import { spells } from "./bytes.ts";
import { DONE, type Fields, type Verdict } from "./fields.ts";

export const Form = { ORIGIN: 0, ABSOLUTE: 1, AUTHORITY: 2, ASTERISK: 3 } as const;

const SLASH = 47;
const QUESTION = 63;
const SCHEME = "http://";

export interface TargetParts {
  start: number;
  methodEnd: number;
  targetStart: number;
  targetEnd: number;
  form: number;
  authorityStart: number;
  authorityEnd: number;
  pathStart: number;
  isMethod(name: string): boolean;
}

export function targetForm(fields: Fields, out: TargetParts): Verdict {
  const { bytes } = fields;
  const start = out.targetStart;
  out.pathStart = start;
  if (out.methodEnd - out.start === 7 && out.isMethod("CONNECT")) {
    out.form = Form.AUTHORITY;
    return isAuthorityWithPort(bytes, start, out.targetEnd)
      ? DONE
      : fields.refuse(400, "a CONNECT target that is not host and port");
  }
  if (bytes[start] === SLASH) {
    out.form = Form.ORIGIN;
    return DONE;
  }
  if (out.targetEnd - start === 1 && bytes[start] === 42) {
    out.form = Form.ASTERISK;
    return out.isMethod("OPTIONS") ? DONE : fields.refuse(400, "a target * without OPTIONS");
  }
  return absoluteForm(fields, out);
}

function absoluteForm(fields: Fields, out: TargetParts): Verdict {
  const { bytes } = fields;
  const authority = out.targetStart + SCHEME.length;
  if (authority >= out.targetEnd || !spells(bytes, out.targetStart, authority, SCHEME)) {
    return fields.refuse(400, "a target that is neither a path nor an http URL");
  }
  let at = authority;
  while (at < out.targetEnd && bytes[at] !== SLASH && bytes[at] !== QUESTION) at++;
  if (!isAuthority(bytes, authority, at)) {
    return fields.refuse(400, "a target whose host is not valid");
  }
  out.form = Form.ABSOLUTE;
  out.authorityStart = authority;
  out.authorityEnd = at;
  out.pathStart = at;
  return DONE;
}
