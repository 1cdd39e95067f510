// Bounded load from a second process: ApacheBench, the tool the README's scenario uses.

export interface AbResult {
  readonly complete: number;
  readonly failed: number;
  readonly non2xx: number;
}

/** Runs `ab`; rejects when it does not finish cleanly. */
export async function runAb(
  url: string,
  options: { requests: number; concurrency: number; keepAlive?: boolean },
): Promise<AbResult> {
  const { requests, concurrency, keepAlive } = options;
  const args = [
    "-n",
    `${requests}`,
    "-c",
    `${concurrency}`,
    ...(keepAlive ? ["-k"] : []),
    "-q",
    "-l",
    url,
  ];
  const ab = Bun.spawn(["ab", ...args], { stdout: "pipe", stderr: "pipe" });
  const [out, err, code] = await Promise.all([
    new Response(ab.stdout).text(),
    new Response(ab.stderr).text(),
    ab.exited,
  ]);
  if (code !== 0) throw new Error(`ab exited with ${code}: ${err}${out}`);
  const number = (label: RegExp): number => Number(out.match(label)?.[1] ?? 0);
  return {
    complete: number(/Complete requests:\s+(\d+)/),
    failed: number(/Failed requests:\s+(\d+)/),
    non2xx: number(/Non-2xx responses:\s+(\d+)/),
  };
}
