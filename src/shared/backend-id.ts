// The name of a backend in a path of the API. Pure.

/**
 * 12 hex digits that follow from the backend's URL alone: the same in every thread, run and gateway.
 * 48 bits: among the 256 backends there can be, two get the same id once in 10^10 gateways.
 */
export function backendId(url: string): string {
  return new Bun.CryptoHasher("sha256").update(url).digest("hex").slice(0, 12);
}
