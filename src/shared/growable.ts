// Shared memory that grows in place while every thread goes on using it. The engine counts the whole
// length of a shared buffer as heap of each thread that holds it, touched or not, and lets garbage
// pile up in proportion: a table that reserves its most from the start would make every worker's
// garbage hundreds of megabytes. One writer grows; typed arrays made without a length follow at once,
// in all threads.

const STEP_BYTES = 64 * 1024;
const FACTOR = 1.5;

/** Address space for `most` bytes, of which a first step can be used. */
export function growable(most: number): SharedArrayBuffer {
  return new SharedArrayBuffer(Math.min(most, STEP_BYTES), { maxByteLength: most });
}

/** Writer only: makes at least `bytes` usable, and more than that if it has to grow. At most `most`. */
export function growTo(memory: SharedArrayBuffer, bytes: number): void {
  if (bytes <= memory.byteLength) return;
  const wanted = Math.max(bytes, memory.byteLength * FACTOR);
  const stepped = Math.ceil(wanted / STEP_BYTES) * STEP_BYTES;
  memory.grow(Math.min(stepped, memory.maxByteLength));
}
