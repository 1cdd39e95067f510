// Run by parallel.test.ts as a process of its own: 600 requests through the proxied path to a
// backend that answers none before all have arrived. The clients are bare sockets, because fetch
// would count them against the same limit.

import { OK, rawBackend } from "./backend.ts";
import { requestText, startProxy } from "./proxy.ts";
import { RawClient } from "./raw-client.ts";

const COUNT = 600;

using backend = rawBackend(async (_, { write }) => {
  await backend.until(() => backend.requests.length === COUNT);
  await write(OK);
});
await using proxy = startProxy({ backends: [backend.url] });
const clients = await Promise.all(
  Array.from({ length: COUNT }, () => RawClient.connect(proxy.port)),
);
const answers = await Promise.all(clients.map((client) => client.exchange(requestText("GET /"))));
for (const client of clients) client.leave();
console.log(answers.filter(({ status }) => status === 200).length);
