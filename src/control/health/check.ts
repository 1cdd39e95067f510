// One active health check: a GET on a connection of its own. Holds no state.
// Always holds: it settles within its timeout, but for the time that this thread was busy, never
// rejects, and says in plain words what it saw.

export interface CheckOptions {
  /** Full URL. */
  readonly url: string;
  /** From the start to the response headers, in ms. */
  readonly timeoutMs: number;
  /** Whether an answer of this status is a success. */
  readonly accept: (status: number) => boolean;
  /** Ends the check at once. */
  readonly signal: AbortSignal;
}

export interface CheckResult {
  readonly ok: boolean;
  /** `status 200`, `connection refused`, `no answer within 1000 ms`. */
  readonly detail: string;
}

const DETAILS: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ECONNRESET: "connection closed before an answer",
  EHOSTUNREACH: "host unreachable",
  ENETUNREACH: "network unreachable",
  ENOTFOUND: "host name not found",
  EAI_AGAIN: "host name not resolved, try again",
  EPROTO: "TLS handshake failed",
  ETIMEDOUT: "connection timed out",
};

/** A timer that is so late says that the thread was busy. */
const BUSY_MS = 50;

/**
 * A redirect is not followed, as its target may be another host. The body is not read.
 */
export async function check({
  url,
  timeoutMs,
  accept,
  signal,
}: CheckOptions): Promise<CheckResult> {
  const abort = new AbortController();
  const ended = Promise.withResolvers<CheckResult>();
  // The race settles even where fetch() is slow to notice the abort, as while it connects.
  const end = (detail: string): void => {
    abort.abort();
    ended.resolve({ ok: false, detail });
  };
  const stop = (): void => end("stopped");
  const due = performance.now() + timeoutMs;
  const late = (): void => end(`no answer within ${timeoutMs} ms`);
  let timer = setTimeout(() => {
    // A thread that was busy meanwhile has not looked yet at what has come in time.
    if (performance.now() - due < BUSY_MS) late();
    else timer = setTimeout(late, BUSY_MS);
  }, timeoutMs);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    return await Promise.race([ended.promise, request(url, accept, abort.signal)]);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
}

async function request(
  url: string,
  accept: (status: number) => boolean,
  signal: AbortSignal,
): Promise<CheckResult> {
  try {
    const response = await fetch(url, {
      signal,
      redirect: "manual",
      // A new connection each time: a check must see whether the backend still accepts.
      keepalive: false,
      proxy: false,
      decompress: false,
      headers: { "User-Agent": "gateway-health-check", Accept: "*/*" },
    });
    await response.body?.cancel();
    return { ok: accept(response.status), detail: `status ${response.status}` };
  } catch (error) {
    return { ok: false, detail: explain(error) };
  }
}

function explain(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = "code" in error ? String(error.code) : "";
  const known = DETAILS[code];
  if (known !== undefined) return known;
  if (/CERT|SIGNATURE|TLS/.test(code)) return `TLS certificate refused (${code})`;
  return error.message;
}
