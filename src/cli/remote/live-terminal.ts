// The whole terminal for a while: drawn without flicker, keys as they are pressed, and given back as
// it was, however the command ends.

const ENTER = "\u001B[?1049h\u001B[?25l\u001B[?7l";
const LEAVE = "\u001B[?7h\u001B[?25h\u001B[?1049l";
const HOME = "\u001B[H";
const REST_OF_LINE = "\u001B[K";
const REST_OF_SCREEN = "\u001B[J";

/** A letter, or what ends the command or changes the window. Null: no key in time. */
export type Key = "quit" | "resize" | (string & {}) | null;

const QUIT = new Set(["q", "Q", "\u0003", "\u0004"]);
const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

export class LiveTerminal implements Disposable {
  #wake: (() => void) | null = null;
  readonly #keys: string[] = [];
  readonly #onData = (data: Buffer) => {
    // An arrow or a function key is one escape sequence, and no letters.
    const text = data.toString();
    if (!text.startsWith("\u001B")) this.#press(...text.split(""));
  };
  readonly #onSignal = () => this.#press("q");
  readonly #onResize = () => this.#press("resize");

  constructor() {
    process.stdout.write(ENTER);
    process.stdin.setRawMode(true);
    process.stdin.on("data", this.#onData);
    process.stdout.on("resize", this.#onResize);
    for (const signal of SIGNALS) process.on(signal, this.#onSignal);
  }

  get height(): number {
    return process.stdout.rows ?? 24;
  }

  /** Lines that are too long are cut off by the terminal. */
  show(lines: readonly string[]): void {
    const text = lines.map((line) => line + REST_OF_LINE).join("\r\n");
    process.stdout.write(HOME + text + REST_OF_SCREEN);
  }

  /** The next key, within some milliseconds. */
  async key(withinMs: number): Promise<Key> {
    if (this.#keys.length === 0) {
      const { promise, resolve } = Promise.withResolvers<void>();
      this.#wake = resolve;
      const timer = setTimeout(resolve, withinMs);
      await promise;
      clearTimeout(timer);
      this.#wake = null;
    }
    const key = this.#keys.shift();
    if (key === undefined) return null;
    return QUIT.has(key) ? "quit" : key;
  }

  [Symbol.dispose](): void {
    for (const signal of SIGNALS) process.off(signal, this.#onSignal);
    process.stdout.off("resize", this.#onResize);
    process.stdin.off("data", this.#onData);
    process.stdin.setRawMode(false);
    process.stdin.pause();
    process.stdout.write(LEAVE);
  }

  #press(...keys: string[]): void {
    this.#keys.push(...keys);
    this.#wake?.();
  }
}
