// The one shape of every error that the gateway itself answers: problem details (RFC 9457), never
// stored by a cache. No state. A detail names no backend address and no internal.

/** The members of RFC 9457 §3.1 that callers choose; anything else becomes an extension member. */
export interface ProblemMembers {
  readonly title: string;
  readonly detail: string;
  /** URI that identifies the kind of problem; `about:blank` says no more than the status. */
  readonly type?: string;
  /** Not to be chosen: it is the answer's own. */
  readonly status?: never;
  readonly [extension: string]: unknown;
}

/** `status` 400 to 599. `headers` are added to `Content-Type` and `Cache-Control: no-store`. */
export function problem(
  status: number,
  members: ProblemMembers,
  headers?: Readonly<Record<string, string>>,
): Response {
  return problemText(status, problemBody(status, members), headers);
}

/** The body alone, for answers that are made often: build it once, answer with `problemText`. */
export function problemBody(status: number, members: ProblemMembers): string {
  const { type = "about:blank", title, detail, ...extensions } = members;
  return JSON.stringify({ type, title, status, detail, ...extensions });
}

/** An answer with a body that `problemBody` made. */
export function problemText(
  status: number,
  body: string,
  headers?: Readonly<Record<string, string>>,
): Response {
  return new Response(body, {
    status,
    headers: {
      "content-type": "application/problem+json",
      "cache-control": "no-store",
      ...headers,
    },
  });
}
