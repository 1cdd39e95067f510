// The environment the gateway must run in. What Bun reads before the first instruction makes the
// process replace itself (same pid, some 12 ms); the rest is put right in place, before any thread
// takes its copy.

/**
 * Bun's `fetch` queues every request beyond this many in flight in one process, and 256 is its
 * default: a few hundred slow answers would hold up all others. 65,535 is the most it takes.
 */
const LIMIT = "BUN_CONFIG_MAX_HTTP_REQUESTS";
const MOST = "65535";

/** `fetch` would send what is meant for a backend to a proxy that happens to be set. */
export function forgetProxies(): void {
  for (const name of ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"]) {
    delete process.env[name];
    delete process.env[name.toLowerCase()];
  }
}

/** Returns only when the limit is in the environment. */
export function raiseRequestLimit(): void {
  if (process.env[LIMIT] || process.execve === undefined) return;
  const [file, ...args] = ownCommand(process.argv.slice(2));
  process.execve(file, [file, ...args], { ...process.env, [LIMIT]: MOST });
}

/** How to run this program again: the executable, or Bun with the script it was started with. */
export function ownCommand(args: readonly string[]): [string, ...string[]] {
  const compiled = Bun.main.startsWith("/$bunfs/");
  return compiled
    ? [process.execPath, ...args]
    : [process.execPath, ...process.execArgv, Bun.main, ...args];
}
