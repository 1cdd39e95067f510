// Go's own reverse proxy with a token bucket a client, built in the candidate's folder.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { absent, proxyOf, UNREACHED } from "../candidate.ts";

export const goProxy = proxyOf({
  name: "Go ReverseProxy",
  missing: absent("go"),
  files: (ports, { backends }) => ({
    "main.go": readFileSync(join(import.meta.dir, "reverse-proxy.go"), "utf8"),
    "go.mod": "module bench\n",
    "run.sh": [
      "export GOMAXPROCS=1 GOCACHE=$PWD/cache GOPATH=$PWD/path HOME=$PWD GO111MODULE=on",
      "go build -o proxy . || exit 1",
      `exec ./proxy ${ports.admitting} ${ports.limiting} ${UNREACHED} ${backends.join(" ")}`,
    ].join("\n"),
  }),
  command: () => ["sh", "run.sh"],
});
