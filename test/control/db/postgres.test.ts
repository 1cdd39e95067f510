// Opening a PostgreSQL database: what waits, what is refused at once, and what is never told.

import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { openStore } from "../../../src/control/db/store.ts";
import { PostgresPool } from "../../../src/control/db/postgres.ts";
import { StoreUnavailable } from "../../../src/control/db/unavailable.ts";
import { EXIT, StartError } from "../../../src/shared/start-error.ts";
import { eventually, recordingLog } from "../../support/database.ts";
import {
  POSTGRES_START_MS,
  type PostgresCluster,
  postgresMissing,
  removeSharedCluster,
  sharedCluster,
} from "../../support/postgres.ts";

afterAll(removeSharedCluster);

describe.skipIf(postgresMissing !== null)("a PostgreSQL database", () => {
  let cluster: PostgresCluster;
  beforeAll(async () => {
    cluster = await sharedCluster();
  }, POSTGRES_START_MS);
  afterEach(() => cluster.up());

  const refusal = async (url: string, reachForMs = 30_000): Promise<StartError> => {
    const { log, lines } = recordingLog();
    const opened = await openStore({ kind: "postgres", url }, { log, reachForMs }).catch(
      (error: unknown) => error,
    );
    expect(opened).toBeInstanceOf(StartError);
    const error = opened as StartError;
    expect(error.exitCode).toBe(EXIT.unavailable);
    for (const text of [error.message, error.stack!, ...lines]) {
      expect(text).not.toContain(cluster.password);
      expect(text).not.toContain("wrong-password");
    }
    expect(error.message).not.toContain("\n");
    return error;
  };

  test("a wrong password is refused at once, and not told", async () => {
    const url = cluster.url("postgres").replace(cluster.password, "wrong-password");
    const { message } = await refusal(url);
    expect(message).toContain(`127.0.0.1:${cluster.port}/postgres cannot be used`);
    expect(message).toContain("password authentication failed");
  });

  test("a database that does not exist is refused at once", async () => {
    expect((await refusal(cluster.url("nowhere"))).message).toContain('"nowhere" does not exist');
  });

  test("a user who may not create the tables is told", async () => {
    const url = new URL(await cluster.createDatabase());
    await cluster.admin(async (sql) => {
      await sql.unsafe("CREATE ROLE guest LOGIN PASSWORD 'wrong-password'").simple();
    });
    url.username = "guest";
    url.password = "wrong-password";
    expect((await refusal(url.href)).message).toContain("permission denied");
  });

  test("a user who may only use the tables is enough once they are there", async () => {
    const config = { kind: "postgres", url: await cluster.createDatabase() } as const;
    await (await openStore(config, { log: recordingLog().log })).close();
    await cluster.admin(async (sql) => {
      await sql.unsafe("CREATE ROLE worker LOGIN PASSWORD 'wrong-password'").simple();
      for (const schema of ["public", "drizzle"]) {
        await sql.unsafe(`GRANT USAGE ON SCHEMA ${schema} TO worker;
          GRANT ALL ON ALL TABLES IN SCHEMA ${schema} TO worker;
          GRANT ALL ON ALL SEQUENCES IN SCHEMA ${schema} TO worker`);
      }
    }, config.url);
    const url = new URL(config.url);
    url.username = "worker";
    url.password = "wrong-password";
    const asWorker = { kind: "postgres", url: url.href } as const;
    const store = await openStore(asWorker, { log: recordingLog().log });
    const definition = { capacity: 1, ratePerSec: 1, tokens: 1, tokensSet: true, at: 0 };
    expect(await store.clients.insert("a", definition)).toMatchObject({ clientId: "a" });
    await store.close();
  });

  test("a server that is not there is waited for, then refused", async () => {
    const url = await cluster.createDatabase();
    await cluster.down();
    const { message } = await refusal(url, 700);
    expect(message).toContain("Failed to connect");
  });

  test("TLS that the server does not have is refused at once", async () => {
    const started = performance.now();
    const { message } = await refusal(`${cluster.url("postgres")}?sslmode=require`);
    expect(message).toContain("the server has no TLS, which sslmode in the URL asks for");
    expect(performance.now() - started).toBeLessThan(10_000);
  });

  test("a name that leads nowhere is told from a server that is not there", async () => {
    const url = cluster.url("postgres").replace("127.0.0.1", "nowhere.invalid");
    expect((await refusal(url, 0)).message).toContain("host nowhere.invalid cannot be found");
    const nobody = "postgres://gateway@[::1]:1/postgres";
    expect((await refusal(nobody, 0)).message).toContain("Failed to connect");
  });

  test("a server that starts later is used when it is there", async () => {
    const url = await cluster.createDatabase();
    await cluster.down();
    const { log, lines } = recordingLog();
    const opening = openStore({ kind: "postgres", url }, { log });
    await eventually(() => lines.length > 0);
    await cluster.up();
    const store = await opening;
    await store.ping();
    await store.close();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toContain("waiting for the database");
  }, 20_000);

  test("the database of the URL is used, whatever the environment says", async () => {
    const url = await cluster.createDatabase();
    Bun.env["PGDATABASE"] = "nowhere";
    try {
      const store = await openStore({ kind: "postgres", url }, { log: recordingLog().log });
      await store.ping();
      await store.close();
    } finally {
      delete Bun.env["PGDATABASE"];
    }
  });

  test("a statement that takes too long is given up by the server", async () => {
    const pool = new PostgresPool(cluster.url("postgres"));
    const started = performance.now();
    const slow = pool.run((db) => db.execute("SELECT pg_sleep(20)"));
    expect(await slow.catch((error: unknown) => error)).toBeInstanceOf(StoreUnavailable);
    expect(performance.now() - started).toBeLessThan(3_900);
    await pool.close();
  });

  test("a server that stops answering fails queries in bounded time, and serves them after", async () => {
    const url = await cluster.createDatabase();
    const pool = new PostgresPool(url);
    await pool.ping();
    const thaw = cluster.freeze();
    const started = performance.now();
    const answers = await Promise.allSettled(Array.from({ length: 8 }, () => pool.ping()));
    expect(performance.now() - started).toBeLessThan(6_000);
    thaw();
    for (const answer of answers) {
      expect(answer.status).toBe("rejected");
      expect((answer as PromiseRejectedResult).reason).toBeInstanceOf(StoreUnavailable);
    }
    await eventually(() =>
      pool.ping().then(
        () => true,
        () => false,
      ),
    );
    await pool.close();
  }, 20_000);

  test("an error of a query tells neither its text nor its parameters", async () => {
    const pool = new PostgresPool(cluster.url("postgres"));
    const failing = pool.run((db) => db.execute("SELECT secret_value FROM secret_table"));
    const error = (await failing.catch((reason: unknown) => reason)) as StoreUnavailable;
    expect(error.message).toBe('relation "secret_table" does not exist (42P01)');
    expect(error.cause).toBeUndefined();
    await pool.close();
  });
});
