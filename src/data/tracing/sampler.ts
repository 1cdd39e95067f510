// Which traces are recorded. Pure.

import type { SamplerName } from "../../shared/samplers.ts";

/** `parent`: what the caller wants; null when the trace starts here. */
export type Sampler = (trace: { readonly traceId: string }, parent: boolean | null) => boolean;

const PARENT = "parentbased_";
/** The last 13 digits of a trace id: 52 bits that are random by W3C Trace Context level 2. */
const RANDOM_DIGITS = 13;
const RANDOM_RANGE = 2 ** 52;

/** `ratio`: 0 to 1, for those that have one. */
export function createSampler(name: SamplerName, ratio: number): Sampler {
  if (name.startsWith(PARENT)) {
    const root = createSampler(name.slice(PARENT.length) as SamplerName, ratio);
    return (trace, parent) => parent ?? root(trace, null);
  }
  if (name === "always_on") return () => true;
  if (name === "always_off") return () => false;
  // The rest of the fleet decides alike for the same trace: those with the highest numbers are in.
  const least = (1 - ratio) * RANDOM_RANGE;
  return ({ traceId }) => Number.parseInt(traceId.slice(-RANDOM_DIGITS), 16) >= least;
}
