// The gateway from source, with one thing added: each SIGUSR2 steps the wall clock of all its threads,
// an hour forward, two hours back, and then to the right time again. Started in place of the
// executable by the tests of stepped clocks.

import { join } from "node:path";
import { stepTo } from "./stepped-date.ts";

const HOUR = 3_600_000;
const STEPS = [HOUR, -HOUR, 0];

globalThis.Worker = class extends Worker {
  constructor(url: string | URL, options: WorkerOptions = {}) {
    super(url, { ...options, preload: [join(import.meta.dir, "stepped-date.ts")] });
  }
};

process.on("SIGUSR2", () => stepTo(STEPS.shift() ?? 0));

await import("../../src/cli.ts");
