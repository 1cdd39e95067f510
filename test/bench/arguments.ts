// What a benchmark is asked for: a number or a word that makes no sense is told in one line and ends the
// process with exit code 2, before anything is started or measured.

export function refuseArguments(reason: string): never {
  console.error(`bench: ${reason}`);
  process.exit(2);
}

/** `text`: as it was given; undefined when it was not. */
export function countOf(name: string, text: string | undefined, otherwise: number): number {
  if (text === undefined) return otherwise;
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text);
  return refuseArguments(`${name} must be a whole number from 1, not "${text}"`);
}

/** Those of `known` that are named; all when nothing is. */
export function chosen(named: readonly string[], known: readonly string[]): readonly string[] {
  const unknown = named.find((name) => !known.includes(name));
  if (unknown === undefined) return named.length === 0 ? known : named;
  return refuseArguments(`there is no "${unknown}"; there are ${known.join(", ")}`);
}
