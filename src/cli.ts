// The entry point of the executable. A gateway replaces its process first (see `environment.ts`),
// before there is anything to throw away; then the command line is read and its command runs.

import { raiseRequestLimit } from "./cli/environment.ts";

const args = process.argv.slice(2);
const [first = "serve"] = args;
// Elsewhere the command line decides, as in `--config FILE`, where `serve` is left out.
if (first === "serve" || first === "demo") raiseRequestLimit();

const { run } = await import("./cli/run.ts");
process.exit(await run(args));
