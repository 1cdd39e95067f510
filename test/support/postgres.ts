// A throwaway PostgreSQL cluster (15 or newer) for tests: initdb in a temp folder, a free loopback
// port, one cluster a test file. A test can stop, start and freeze it. It ends with the process that
// started it, even when that one is killed. Without initdb, tests are skipped and say so; with
// CI=true a missing initdb is an error, so that CI never passes by skipping.

import { chownSync, existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { SQL, type Subprocess } from "bun";

const PASSWORD = "s3cret-of-the-test";
const USER = "gateway";
const START_TIMEOUT_MS = 20_000;

/** The folder of `initdb` and `postgres`, or null when PostgreSQL is not installed. */
export const postgresBin: string | null = findBin();
export const postgresMissing: string | null =
  postgresBin === null ? "PostgreSQL's initdb is not installed" : null;
if (postgresMissing && Bun.env["CI"] === "true") throw new Error(postgresMissing);

export class PostgresCluster {
  readonly port: number;
  readonly #folder: string;
  readonly #owner: Owner | null;
  #server: Subprocess | null = null;
  #databases = 0;

  private constructor(folder: string, owner: Owner | null, port: number) {
    this.#folder = folder;
    this.#owner = owner;
    this.port = port;
  }

  static async start(): Promise<PostgresCluster> {
    const folder = mkdtempSync(join(tmpdir(), "gateway-postgres-"));
    const owner = unprivilegedOwner();
    if (owner) chownSync(folder, owner.uid, owner.gid);
    const cluster = new PostgresCluster(folder, owner, freePort());
    await cluster.#initialize();
    await cluster.up();
    return cluster;
  }

  get password(): string {
    return PASSWORD;
  }

  url(database: string): string {
    return `postgres://${USER}:${PASSWORD}@127.0.0.1:${this.port}/${database}`;
  }

  /** Creates an empty database and returns its URL. */
  async createDatabase(): Promise<string> {
    const name = `test_${++this.#databases}`;
    await this.admin((sql) => sql.unsafe(`CREATE DATABASE ${name}`).simple());
    return this.url(name);
  }

  /** Runs something as the superuser on a connection of its own. */
  async admin<T>(run: (sql: SQL) => PromiseLike<T>, url = this.url("postgres")): Promise<T> {
    const sql = new SQL({ url, max: 1 });
    try {
      return await run(sql);
    } finally {
      await sql.close({ timeout: 0 });
    }
  }

  /** Starts the server and resolves when it accepts connections. */
  async up(): Promise<void> {
    if (this.#server) return;
    this.#server = Bun.spawn(this.#asOwner(this.#serverCommand()), {
      stdout: "ignore",
      stderr: "ignore",
    });
    const deadline = performance.now() + START_TIMEOUT_MS;
    for (;;) {
      try {
        await this.admin((sql) => sql`SELECT 1`);
        return;
      } catch (error) {
        if (performance.now() > deadline) throw error;
        await Bun.sleep(30);
      }
    }
  }

  /** Ends the server at once, as a crash does: open connections break. */
  async down(): Promise<void> {
    const server = this.#server;
    if (!server) return;
    this.#server = null;
    server.kill("SIGQUIT");
    await server.exited;
  }

  /** Ends every connection to a database but the one that asks, as a network fault does. */
  async disconnectAll(url: string): Promise<number> {
    return await this.admin(async (sql) => {
      const rows = await sql`SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE datname = ${databaseOf(url)} AND pid <> pg_backend_pid()`;
      return rows.length;
    });
  }

  /** Stops the server, with every process it has, from answering; its connections stay open. */
  freeze(): () => void {
    // The postmaster first: what it has forked until then is all there is.
    const server = this.#server!.pid;
    process.kill(server, "SIGSTOP");
    const children = Bun.spawnSync(["pgrep", "-P", String(server)]).stdout.toString();
    const pids = children.split("\n").filter(Boolean).map(Number);
    for (const pid of pids) process.kill(pid, "SIGSTOP");
    return () => {
      for (const pid of [...pids, server]) process.kill(pid, "SIGCONT");
    };
  }

  async remove(): Promise<void> {
    await this.down();
    rmSync(this.#folder, { recursive: true, force: true });
  }

  async #initialize(): Promise<void> {
    const passwordFile = join(this.#folder, "password");
    await Bun.write(passwordFile, PASSWORD);
    if (this.#owner) chownSync(passwordFile, this.#owner.uid, this.#owner.gid);
    const initdb = Bun.spawn(
      this.#asOwner([
        join(postgresBin!, "initdb"),
        `--pgdata=${this.#data}`,
        `--username=${USER}`,
        `--pwfile=${passwordFile}`,
        "--auth=scram-sha-256",
        "--encoding=UTF8",
        // A linguistic order, as many servers have: what must not depend on it shows.
        "--locale=C.UTF-8",
        "--locale-provider=icu",
        "--icu-locale=en-US",
        "--no-sync",
        "--no-instructions",
      ]),
      { stdout: "ignore", stderr: "pipe" },
    );
    if ((await initdb.exited) !== 0) throw new Error(await new Response(initdb.stderr).text());
  }

  get #data(): string {
    return join(this.#folder, "data");
  }

  #serverCommand(): string[] {
    const settings = {
      listen_addresses: "127.0.0.1",
      port: this.port,
      unix_socket_directories: this.#folder,
      // A test needs no durability against a power cut.
      fsync: "off",
      full_page_writes: "off",
      max_connections: 60,
      shared_buffers: "16MB",
    };
    const flags = Object.entries(settings).flatMap(([key, value]) => ["-c", `${key}=${value}`]);
    return [join(postgresBin!, "postgres"), "-D", this.#data, ...flags];
  }

  /** PostgreSQL refuses to run as root; `setpriv` also has it end when the test process dies. */
  #asOwner(command: string[]): string[] {
    if (!Bun.which("setpriv")) return command;
    const identity = this.#owner
      ? [`--reuid=${this.#owner.uid}`, `--regid=${this.#owner.gid}`, "--clear-groups"]
      : [];
    return ["setpriv", "--pdeathsig=QUIT", ...identity, "--", ...command];
  }
}

/** For `beforeAll(…, POSTGRES_START_MS)`: a busy machine takes its time to create a cluster. */
export const POSTGRES_START_MS = 60_000;

let shared: Promise<PostgresCluster> | null = null;

/**
 * The cluster of this test file, started by the first caller. Call it in `beforeAll` too: a test
 * that times out while it starts has its processes killed.
 */
export function sharedCluster(): Promise<PostgresCluster> {
  shared ??= PostgresCluster.start();
  return shared;
}

/** Call in `afterAll`: a test file leaves no server behind. The next file starts its own. */
export async function removeSharedCluster(): Promise<void> {
  const cluster = shared;
  shared = null;
  await (await cluster)?.remove();
}

interface Owner {
  readonly uid: number;
  readonly gid: number;
}

function unprivilegedOwner(): Owner | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of ["postgres", "nobody"]) {
    const id = (flag: string): string => Bun.spawnSync(["id", flag, name]).stdout.toString().trim();
    const uid = id("-u");
    if (uid !== "") return { uid: Number(uid), gid: Number(id("-g")) };
  }
  throw new Error("PostgreSQL does not run as root, and there is no user postgres or nobody");
}

function findBin(): string | null {
  const onPath = Bun.which("initdb");
  if (onPath) return join(onPath, "..");
  const debian = "/usr/lib/postgresql";
  if (!existsSync(debian)) return null;
  const newestFirst = readdirSync(debian).sort((a, b) => Number(b) - Number(a));
  const folders = newestFirst.map((version) => join(debian, version, "bin"));
  return folders.find((folder) => existsSync(join(folder, "initdb"))) ?? null;
}

function databaseOf(url: string): string {
  return new URL(url).pathname.slice(1);
}

function freePort(): number {
  const listener = Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } });
  const port = listener.port;
  listener.stop(true);
  return port;
}
