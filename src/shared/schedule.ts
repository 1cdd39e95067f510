// The order in which a weighted rotation visits its members, as one finite cycle. Pure.
// Always holds: within the cycle each member occurs exactly in proportion to its (reduced) weight,
// and after any number of steps no member is a whole turn ahead of or behind its exact share.

/**
 * Longest cycle. Weights that would need a longer one are scaled down to it, see `buildSchedule`.
 * Three backends with weights up to 1000 fit exactly; building it for 256 takes some 20 ms.
 */
export const MAX_CYCLE = 4096;

/**
 * Indexes into `weights` in visiting order, one full cycle. Weights are positive integers. They are
 * divided by their greatest common divisor; when the sum still exceeds `maxCycle` they are scaled
 * down, each staying at least 1, which makes shares approximate. Empty for no weights.
 *
 * The order is that of R. Tijdeman, "The chairman assignment problem", Discrete Mathematics 32
 * (1980): among the members that are due, the one whose deadline is nearest. It keeps every member
 * within 1 - 1/(2n - 2) turns of its share at every step, which greedy smooth weighted round robin
 * does not promise. Equal weights give 0, 1, 2, …
 */
export function buildSchedule(weights: readonly number[], maxCycle = MAX_CYCLE): number[] {
  if (weights.length === 0) return [];
  const turns = fit(weights, maxCycle);
  const cycle = sum(turns);
  if (turns.length === 1) return [0];
  // All quantities are multiplied by cycle * slack, so that the comparisons are exact in integers.
  const slack = 2 * turns.length - 2;
  const given = new Array<number>(turns.length).fill(0);
  const order: number[] = [];
  for (let step = 1; step <= cycle; step++) {
    let chosen = -1;
    let nearest = 0;
    for (let i = 0; i < turns.length; i++) {
      const lag = turns[i]! * step - given[i]! * cycle;
      if (lag * slack < cycle) continue;
      const deadline = (cycle * (slack - 1) - lag * slack) / turns[i]!;
      if (chosen === -1 || deadline < nearest) {
        chosen = i;
        nearest = deadline;
      }
    }
    given[chosen]!++;
    order.push(chosen);
  }
  return order;
}

function fit(weights: readonly number[], maxCycle: number): number[] {
  const total = sum(weights);
  const room = maxCycle - weights.length;
  const reduced = reduce(weights);
  if (sum(reduced) <= maxCycle) return reduced;
  return reduce(weights.map((weight) => Math.max(1, Math.floor((weight * room) / total))));
}

function reduce(weights: readonly number[]): number[] {
  const divisor = weights.reduce(gcd);
  return weights.map((weight) => weight / divisor);
}

function gcd(a: number, b: number): number {
  return b === 0 ? a : gcd(b, a % b);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
