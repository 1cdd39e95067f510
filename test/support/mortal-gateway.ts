// The gateway from source, with one thing added: SIGUSR2 ends its oldest worker thread on the spot,
// as a crash of that thread would; SIGUSR1 has it throw. Run in place of the executable by the tests of worker deaths.

const workers: Worker[] = [];

globalThis.Worker = class extends Worker {
  constructor(...args: ConstructorParameters<typeof Worker>) {
    super(...args);
    workers.push(this);
  }
};

process.on("SIGUSR2", () => workers.shift()?.terminate());
// A message that nobody can read.
process.on("SIGUSR1", () => workers.shift()?.postMessage(null));

await import("../../src/cli.ts");
