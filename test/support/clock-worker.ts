// A worker that calibrates its clock against its parent, then writes a reading into shared memory
// whenever the flag is raised.

import { calibrate, workerClock, type ClockPing, type ClockPong } from "../../src/shared/clock.ts";

declare const self: Worker;

const ask = (ping: ClockPing): Promise<ClockPong> =>
  new Promise((resolve) => {
    self.onmessage = ({ data }: MessageEvent<ClockPong>) => resolve(data);
    self.postMessage({ type: "clock-ping", ...ping });
  });

self.onmessage = async ({ data }: MessageEvent<{ shared: SharedArrayBuffer }>) => {
  const flag = new Int32Array(data.shared, 0, 1);
  const reading = new Float64Array(data.shared, 8, 1);
  const { offset, uncertainty } = await calibrate(ask);
  const { clock, set } = workerClock();
  set(offset);
  self.postMessage({ type: "calibrated", uncertainty });
  for (;;) {
    Atomics.wait(flag, 0, 0);
    reading[0] = clock();
    Atomics.store(flag, 0, 0);
    Atomics.notify(flag, 0);
  }
};
