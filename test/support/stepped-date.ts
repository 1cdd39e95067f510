// Loaded into a thread before anything else: a wall clock that the test can step. All threads of a
// process step together, by a message.

const RealDate = Date;
let offset = 0;

globalThis.Date = class extends RealDate {
  constructor(...args: []) {
    if (args.length === 0) super(RealDate.now() + offset);
    else super(...args);
  }
  static override now(): number {
    return RealDate.now() + offset;
  }
} as DateConstructor;

const steps = new BroadcastChannel("stepped-date");
steps.onmessage = ({ data }: MessageEvent<number>) => (offset = data);

/** Milliseconds off the right time, in all threads. */
export function stepTo(milliseconds: number): void {
  offset = milliseconds;
  steps.postMessage(milliseconds);
}
