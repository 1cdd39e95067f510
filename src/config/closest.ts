// Finds what a mistyped word was probably meant to be. Pure.

/** The word itself, else candidates that begin with it or differ from it by at most two letters. */
export function closest(word: string, candidates: readonly string[]): string[] {
  if (candidates.includes(word)) return [word];
  return candidates.filter(
    (candidate) =>
      candidate.startsWith(`${word}_`) ||
      candidate.startsWith(`${word}-`) ||
      distance(candidate, word) <= 2,
  );
}

/** Letters to change, add or remove to get from one word to the other (Levenshtein 1966). */
function distance(left: string, right: string): number {
  let row = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let i = 1; i <= left.length; i++) {
    const next = [i];
    for (let j = 1; j <= right.length; j++) {
      const change = row[j - 1]! + (left[i - 1] === right[j - 1] ? 0 : 1);
      next.push(Math.min(change, row[j]! + 1, next[j - 1]! + 1));
    }
    row = next;
  }
  return row.at(-1)!;
}
