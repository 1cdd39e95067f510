// A backend whose health the test decides, check by check, and which knows how often it was asked.

export interface CheckedBackend extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  /** Checks that arrived. */
  readonly checks: number;
  /** Most checks that were open at one time. */
  readonly mostAtOnce: number;
  /** Resolves when `count` more checks have arrived. */
  more(count: number): Promise<void>;
  stop(): Promise<void>;
  restart(): void;
}

/** `answer` gets the number of the check, from 1; a promise that never settles is a hang. */
export function startCheckedBackend(
  answer: (check: number) => number | Promise<number> = () => 200,
): CheckedBackend {
  let checks = 0;
  let open = 0;
  let mostAtOnce = 0;
  const waiting: { at: number; resolve: () => void }[] = [];
  const serve = (port: number) =>
    Bun.serve({
      hostname: "127.0.0.1",
      port,
      async fetch(request) {
        checks++;
        mostAtOnce = Math.max(mostAtOnce, ++open);
        let counted = true;
        const leave = (): void => {
          if (counted) open--;
          counted = false;
        };
        request.signal.addEventListener("abort", leave);
        for (const { at, resolve } of waiting) if (checks >= at) resolve();
        const status = await answer(checks);
        leave();
        return new Response(null, { status });
      },
    });
  let server = serve(0);
  const port = server.port!;
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    get checks() {
      return checks;
    },
    get mostAtOnce() {
      return mostAtOnce;
    },
    more(count) {
      const { promise, resolve } = Promise.withResolvers<void>();
      waiting.push({ at: checks + count, resolve });
      return promise;
    },
    stop: () => server.stop(true),
    restart: () => {
      server = serve(port);
    },
    [Symbol.asyncDispose]: () => server.stop(true),
  };
}
