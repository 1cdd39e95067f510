// nginx: `limit_req` by the query parameter, connections to the backends kept alive.

import { absent, addresses, proxyOf, UNREACHED } from "../candidate.ts";

export const nginx = proxyOf({
  name: "nginx",
  missing: absent("nginx"),
  files: (ports, { backends }) => ({
    "nginx.conf": `
daemon off;
master_process off;
pid nginx.pid;
error_log stderr crit;
events { worker_connections 4096; }
http {
  access_log off;
  client_body_temp_path body;
  proxy_temp_path proxy;
  fastcgi_temp_path fastcgi;
  uwsgi_temp_path uwsgi;
  scgi_temp_path scgi;
  keepalive_requests 1000000000;
  limit_req_status 429;
  limit_req_zone $arg_client_id zone=admitting:256m rate=${UNREACHED}r/s;
  limit_req_zone $arg_client_id zone=limiting:256m rate=1r/m;
  upstream backends {
    ${addresses(backends)
      .map((address) => `server ${address};`)
      .join("\n    ")}
    keepalive 600;
    keepalive_requests 1000000000;
  }
  proxy_http_version 1.1;
  proxy_set_header Connection "";
  proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
  server {
    listen 127.0.0.1:${ports.admitting} backlog=4096;
    location / { limit_req zone=admitting burst=${UNREACHED} nodelay; proxy_pass http://backends; }
  }
  server {
    listen 127.0.0.1:${ports.limiting} backlog=4096;
    location / { limit_req zone=limiting; proxy_pass http://backends; }
  }
}
`,
  }),
  command: (_ports, { folder }) => ["nginx", "-p", folder, "-c", "nginx.conf"],
});
