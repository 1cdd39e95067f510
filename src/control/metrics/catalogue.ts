// Every metric the gateway has. Labels come from fixed sets and from the list of backends, so a
// client can never add a series.

import { BACKENDS } from "./families/backends.ts";
import { LIMITER } from "./families/limiter.ts";
import { PERSISTENCE } from "./families/persistence.ts";
import { PROCESS } from "./families/process.ts";
import { REQUESTS } from "./families/requests.ts";
import type { Family } from "./family.ts";

export const FAMILIES: readonly Family[] = [
  ...REQUESTS,
  ...BACKENDS,
  ...LIMITER,
  ...PERSISTENCE,
  ...PROCESS,
];
