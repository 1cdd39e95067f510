// Which blocks of the ids' arena are free. Eight blocks, the longest id, are a row, and no id lies in
// two rows: so with a row for each id there is one that is all free for whatever id is missing, however
// others came and went before. The writer's own memory: a number a row, and the rows that have room.

export const ROW = 8;
const ALL_FREE = (1 << ROW) - 1;

export class IdBlocks {
  readonly #most: number;
  /** By row: a bit for each free block; above them one for each list that the row is in. */
  readonly #rows: number[] = [];
  /** Rows whose longest run of free blocks had this length when they were put in. */
  readonly #withRun: number[][] = Array.from({ length: ROW + 1 }, () => []);

  /** `most`: rows. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Rows that were ever used. */
  get rows(): number {
    return this.#rows.length;
  }

  /** Where so many free blocks begin, 1 to 8, which are used from now on; -1 when there are none. */
  take(blocks: number): number {
    for (let run = blocks; run <= ROW; run++) {
      for (const list = this.#withRun[run]!; list.length > 0;) {
        const row = list.pop()!;
        this.#rows[row]! &= ~listedAs(run);
        const start = this.#takeIn(row, blocks);
        if (start >= 0) return start;
      }
    }
    if (this.#rows.length === this.#most) return -1;
    // Block 0 is nobody's.
    this.#rows.push(this.#rows.length === 0 ? ALL_FREE - 1 : ALL_FREE);
    const start = this.#takeIn(this.#rows.length - 1, blocks);
    return start >= 0 ? start : this.take(blocks);
  }

  free(start: number, blocks: number): void {
    const row = Math.floor(start / ROW);
    this.#rows[row]! |= ((1 << blocks) - 1) << (start % ROW);
    this.#list(row);
  }

  #takeIn(row: number, blocks: number): number {
    // A bit that stays has as many free ones from it on.
    let fits = this.#rows[row]! & ALL_FREE;
    for (let i = 1; i < blocks; i++) fits &= fits >>> 1;
    const at = 31 - Math.clz32(fits & -fits);
    if (at >= 0) this.#rows[row]! &= ~(((1 << blocks) - 1) << at);
    this.#list(row);
    return at < 0 ? -1 : row * ROW + at;
  }

  /** Puts the row where its longest run belongs, if it is not there already. */
  #list(row: number): void {
    let run = 0;
    for (let free = this.#rows[row]! & ALL_FREE; free !== 0; free &= free >>> 1) run++;
    if (run === 0 || (this.#rows[row]! & listedAs(run)) !== 0) return;
    this.#rows[row]! |= listedAs(run);
    this.#withRun[run]!.push(row);
  }
}

function listedAs(run: number): number {
  return 1 << (ROW + run);
}
