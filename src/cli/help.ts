// What `gateway --help` prints.

import { settingsText } from "../config/reference.ts";

export function helpText(version: string): string {
  return `gateway ${version}: an HTTP load balancer with a rate limit for every client

Usage:
  gateway [serve] [--config FILE]                run the gateway
  gateway demo                                   try it: three backends, sample clients, a gateway
  gateway check [--config FILE]                  validate the configuration, start nothing
  gateway check --url URL                        ask a running gateway: exit 0 when it answers 2xx
  gateway hello [--host H] [--port N] [--name X] a backend that says hello, to try things with
  gateway --help, --version

  --config FILE   a YAML file; its keys are the settings below in lower case, such as port: 3030.
                  Also taken from GATEWAY_CONFIG.

Settings, as environment variables (which win) or keys of the file:
${settingsText()}

Exit codes: 0 done, 1 check failed or requests were cut off at the end, 64 wrong command line,
69 database cannot be reached, 70 a bug, 73 database file cannot be written, 75 address or database
in use, 77 not permitted, 78 wrong configuration.
`;
}
