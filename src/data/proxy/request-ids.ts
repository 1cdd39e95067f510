// Ids that tell requests apart in logs and backends: unique over workers and restarts, cheap, and
// not meant to be secret. Each worker has its own source.

/** `3f9c2b7e1a5d8046-000000000001`: 64 random bits of this worker, then a count. */
export function newRequestIds(): () => string {
  const random = crypto.getRandomValues(new Uint8Array(8)).toHex();
  let count = 0;
  return () => `${random}-${(++count).toString(16).padStart(12, "0")}`;
}
