// Caddy: as it is distributed it has no rate limiter, so its two listeners do the same.

import { absent, addresses, proxyOf } from "../candidate.ts";

export const caddy = proxyOf({
  name: "Caddy (no limits)",
  unlimited: true,
  missing: absent("caddy"),
  files: (ports, { backends }) => ({
    Caddyfile: `
{
  admin off
  auto_https off
}
http://127.0.0.1:${ports.admitting}, http://127.0.0.1:${ports.limiting} {
  reverse_proxy ${addresses(backends).join(" ")} {
    lb_policy round_robin
  }
}
`,
  }),
  command: (_ports, { folder }) => [
    "env",
    "GOMAXPROCS=1",
    `HOME=${folder}`,
    "caddy",
    "run",
    "--config",
    "Caddyfile",
    "--adapter",
    "caddyfile",
  ],
});
