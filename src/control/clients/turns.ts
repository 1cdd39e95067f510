// One at a time for each client: whoever changes a client's row and its slot in the table takes a
// turn, so that two changes never mix and a re-read row never overwrites a newer one.

/** A change that has waited this long for earlier ones is not begun: who asked would not hear of it. */
export const LONGEST_WAIT_MS = 3_500;

/** Ends the turn; the next in line goes on. */
export type EndTurn = () => void;

export class Turns {
  /** The end of the last turn in line, by client id. Ids without a turn have no entry. */
  readonly #last = new Map<string, Promise<void>>();

  /** Resolves when every turn taken before on this id has ended. */
  async take(clientId: string): Promise<EndTurn> {
    const before = this.#last.get(clientId);
    const { promise: ended, resolve: end } = Promise.withResolvers<void>();
    this.#last.set(clientId, ended);
    await before;
    return () => {
      if (this.#last.get(clientId) === ended) this.#last.delete(clientId);
      end();
    };
  }

  /**
   * Turns on all of these ids. They are joined to the lines at once, before anybody else can join one:
   * of two callers with ids in common, one is first in all their lines, so none waits in a circle.
   */
  async takeAll(clientIds: readonly string[]): Promise<EndTurn> {
    const ends = await Promise.all(clientIds.map((clientId) => this.take(clientId)));
    return () => {
      for (const end of ends) end();
    };
  }
}
