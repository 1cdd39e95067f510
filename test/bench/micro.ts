// `bun run bench:micro`: what single steps of the hot path cost, nanoseconds each: the tables, then
// what a request passes on its way.

// One after the other: as static imports, they would run between each other's awaits.
await import("./tables.ts");
await import("./steps.ts");
