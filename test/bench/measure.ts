// A stopwatch for single operations: nanoseconds each, best of five rounds, because the machine may
// be busy.

export function report(name: string, nanoseconds: number): void {
  console.log(`${name.padEnd(52)} ${nanoseconds.toFixed(0).padStart(7)} ns`);
}

export function measure(name: string, times: number, operation: (i: number) => unknown): void {
  for (let i = 0; i < Math.min(times, 20_000); i++) operation(i);
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < 5; round++) {
    const start = Bun.nanoseconds();
    for (let i = 0; i < times; i++) operation(i);
    best = Math.min(best, (Bun.nanoseconds() - start) / times);
  }
  report(name, best);
}
