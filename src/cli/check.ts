// `gateway check`: validates the configuration and starts nothing; with `--url`, asks a running
// gateway whether it is well, for container health checks on images that hold nothing else.

import { loadConfig } from "../config.ts";
import { maskUrl } from "../config/database.ts";
import { settledText } from "../config/reference.ts";
import { EXIT, type ExitCode } from "../shared/start-error.ts";

const PROBE_TIMEOUT_MS = 5_000;

export function check(file: string | null): ExitCode {
  const result = loadConfig({ file, env: process.env, terminal: process.stdout.isTTY });
  if (!result.ok) {
    for (const problem of result.problems) console.error(problem);
    const count = result.problems.length;
    console.error(`gateway: ${count} ${count === 1 ? "problem" : "problems"} in the configuration`);
    return EXIT.failed;
  }
  console.log(settledText(result.settled));
  for (const warning of result.warnings) console.log(`warning: ${warning}`);
  console.log("The configuration is valid.");
  return EXIT.ok;
}

/** One GET; redirects are not followed. */
export async function probe(url: string): Promise<ExitCode> {
  const shown = maskUrl(url);
  try {
    const response = await fetch(url, {
      redirect: "manual",
      signal: AbortSignal.timeout(PROBE_TIMEOUT_MS),
    });
    if (response.ok) return EXIT.ok;
    console.error(`gateway: ${shown} answered ${response.status}`);
  } catch (error) {
    const timedOut = error instanceof DOMException && error.name === "TimeoutError";
    console.error(`gateway: ${shown} ${timedOut ? "did not answer" : "cannot be reached"}`);
  }
  return EXIT.failed;
}
