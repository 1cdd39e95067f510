// Whether a host name leads anywhere: what Bun says of a connection or a listener that failed for its
// name is what it says of others.

export function isFound(name: string): Promise<boolean> {
  return Bun.dns.lookup(name).then(
    () => true,
    () => false,
  );
}
