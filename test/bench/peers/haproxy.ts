// HAProxy: a stick table by the query parameter, connections to the backends shared and kept alive.

import { absent, addresses, proxyOf, UNREACHED } from "../candidate.ts";

export const haproxy = proxyOf({
  name: "HAProxy",
  missing: absent("haproxy"),
  files: (ports, { backends }) => ({
    "haproxy.cfg": `
global
  nbthread 1
  maxconn 8192
defaults
  mode http
  timeout connect 2s
  timeout client 75s
  timeout server 60s
  option http-keep-alive
  option forwardfor
  http-reuse always
backend admitted_clients
  stick-table type string len 128 size 2m expire 60s store http_req_rate(10s)
backend limited_clients
  stick-table type string len 128 size 2m expire 60m store http_req_rate(60m)
backend backends
  balance roundrobin
  ${addresses(backends)
    .map((address, i) => `server s${i} ${address}`)
    .join("\n  ")}
frontend admitting
  bind 127.0.0.1:${ports.admitting} backlog 4096
  http-request track-sc0 url_param(client_id) table admitted_clients
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt ${UNREACHED * 1000} }
  default_backend backends
frontend limiting
  bind 127.0.0.1:${ports.limiting} backlog 4096
  http-request track-sc0 url_param(client_id) table limited_clients
  http-request deny deny_status 429 if { sc_http_req_rate(0) gt 1 }
  default_backend backends
`,
  }),
  command: () => ["haproxy", "-db", "-f", "haproxy.cfg"],
});
