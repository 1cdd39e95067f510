// The executable on a real PostgreSQL that goes away under load and comes back.

import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { Gateway } from "../support/gateway.ts";
import { HEALTH_PATH, startHelloBackends } from "../support/hello-backends.ts";
import { runAb } from "../support/load.ts";
import { TRANSPORTS } from "../support/proxy.ts";
import { PostgresCluster, POSTGRES_START_MS, postgresMissing } from "../support/postgres.ts";

const available = postgresMissing === null;

describe.skipIf(!available)(
  `PostgreSQL goes away${available ? "" : ` (${postgresMissing})`}`,
  () => {
    let cluster: PostgresCluster;

    beforeAll(async () => {
      cluster = await PostgresCluster.start();
    }, POSTGRES_START_MS);
    afterAll(() => cluster.remove());

    test.each(TRANSPORTS)(
      "by %s, traffic goes on from memory, control writes are 503, and afterwards the flush catches up",
      async (transport) => {
        const database = await cluster.createDatabase();
        await using backends = startHelloBackends(2);
        const env = {
          HEALTH_PATH,
          TRANSPORT: transport,
          DATABASE_URL: database,
          FLUSH_INTERVAL: "100ms",
        };
        await using gateway = await Gateway.start({ backends: backends.urls, env });
        await gateway.createClient({ client_id: "steady", capacity: 1000, rate_per_sec: 0.001 });

        await cluster.down();
        const during = await runAb(`${gateway.url}/?client_id=steady`, {
          requests: 400,
          concurrency: 8,
        });
        expect(during).toMatchObject({ complete: 400, non2xx: 0 });
        await gateway.log(
          (line) => line.component === "persistence" && line.message.includes("down"),
        );

        const refused = await gateway.api("PATCH", "/clients/steady", { capacity: 5 });
        expect(refused.status).toBe(503);
        expect(refused.headers.get("content-type")).toContain("application/problem+json");
        const live = (await (await gateway.api("GET", "/clients/steady")).json()) as {
          capacity: number;
        };
        expect(live.capacity).toBe(1000);
        expect((await fetch(`${gateway.url}/-/ready`)).status).toBe(200);
        expect(await metrics(gateway)).toContain("gateway_database_up 0");

        await cluster.up();
        await gateway.log(
          (line) => line.component === "persistence" && line.message.includes("back"),
        );
        expect(
          (await gateway.api("PATCH", "/clients/steady", { rate_per_sec: 0.002 })).status,
        ).toBe(200);
        expect(await metrics(gateway)).toContain("gateway_database_up 1");
        const downs = gateway.lines.filter(
          (line) => line.component === "persistence" && line.message.includes("down"),
        );
        expect(downs).toHaveLength(1);

        await gateway.kill();
        await using next = await Gateway.start({ backends: backends.urls, env });
        const restored = (await (await next.api("GET", "/clients/steady")).json()) as {
          current_tokens: number;
        };
        expect(restored.current_tokens).toBeLessThan(601);
        expect(restored.current_tokens).toBeGreaterThanOrEqual(600);
        expect(JSON.stringify([...gateway.lines, ...next.lines])).not.toContain(cluster.password);
      },
    );

    test("five gateways that start at once on an empty database all serve", async () => {
      const database = await cluster.createDatabase();
      await using backends = startHelloBackends(1);
      const start = () =>
        Gateway.start({
          backends: backends.urls,
          env: { HEALTH_PATH, DATABASE_URL: database, WORKERS: "1" },
        });
      const gateways = await Promise.all(Array.from({ length: 5 }, start));
      try {
        await gateways[0]!.createClient({
          client_id: "everywhere",
          capacity: 3,
          rate_per_sec: 0.001,
        });
        for (const gateway of gateways) {
          // The others hear of it by notification, so a moment later.
          while ((await gateway.api("GET", "/clients/everywhere")).status !== 200)
            await Bun.sleep(10);
        }
      } finally {
        for (const gateway of gateways) await gateway[Symbol.asyncDispose]();
      }
    });
  },
);

async function metrics(gateway: Gateway): Promise<string> {
  return await (await gateway.api("GET", "/-/metrics")).text();
}
