// The settings of both Elysia applications of a worker: the outer one, and the one of the control
// routes.

/**
 * How an Elysia application must be set up for its idea of a path to be the URL's.
 * `standardHostname: false`: the default finds the path from the 12th character of the URL on, so
 * with `Host: a` it reads `/clients/x` as `/x`, and `/x/clients` as `/clients`. Without it, from
 * the 8th on: right for `http:` URLs, which is what a listener without TLS hands out.
 * `systemRouter` and `nativeStaticResponse`: Bun's own router would answer beside the hooks.
 * `normalize: false`: the default drops unknown fields where they are to be refused.
 */
export const ROUTING = {
  strictPath: true,
  normalize: false,
  systemRouter: false,
  nativeStaticResponse: false,
  handler: { standardHostname: false },
} as const;
