// `gateway demo`, as somebody meets the project: it runs, what it prints works, and it ends whole.

import { expect, test } from "bun:test";
import { existsSync } from "node:fs";
import { EXECUTABLE } from "../support/gateway.ts";

interface Demo {
  readonly child: Bun.Subprocess<"ignore", "pipe", "pipe">;
  readonly text: string;
  readonly origin: string;
  readonly backends: readonly number[];
}

async function startDemo(): Promise<Demo> {
  const child = Bun.spawn([EXECUTABLE, "demo"], {
    env: { PATH: process.env["PATH"] ?? "", HOST: "127.0.0.1", PORT: "0", WORKERS: "1" },
    stdin: "ignore",
    stdout: "pipe",
    stderr: "pipe",
  });
  let text = "";
  const decoder = new TextDecoder();
  const reader = child.stdout.getReader();
  while (!text.includes("Ctrl-C ends everything")) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`ended: ${text}${await new Response(child.stderr).text()}`);
    text += decoder.decode(value, { stream: true });
  }
  // Read on, so that the demo never waits for this test.
  void (async () => {
    while (!(await reader.read()).done);
  })();
  const origin = /runs at (http:\S+)/.exec(text)![1]!;
  const backends = [...text.matchAll(/\(process (\d+)\)/g)].map(([, pid]) => Number(pid));
  return { child, text, origin, backends };
}

const isGone = async (pid: number): Promise<boolean> => {
  for (let tries = 0; tries < 200 && existsSync(`/proc/${pid}`); tries++) await Bun.sleep(25);
  return !existsSync(`/proc/${pid}`);
};

test("the demo answers as it says, survives a killed backend, and leaves nothing behind", async () => {
  const { child, text, origin, backends } = await startDemo();
  const ask = async () => await fetch(`${origin}/?client_id=premium`);
  try {
    expect(backends).toHaveLength(3);
    expect(text).toContain(`ab -n 1000 -c 10 "${origin}/?client_id=client9"`);
    const client = (await (await fetch(`${origin}/clients/client9`)).json()) as {
      capacity: number;
    };
    expect(client).toMatchObject({ capacity: 100, rate_per_sec: 5 });

    const seen = new Set<string>();
    for (let i = 0; i < 3; i++) seen.add(await (await ask()).text());
    expect([...seen].toSorted()).toEqual(
      [1, 2, 3].map((number) => `<h1>hello from backend-${number}</h1>\n`),
    );

    process.kill(backends[0]!);
    expect(await isGone(backends[0]!)).toBe(true);
    for (let i = 0; i < 6; i++) {
      const response = await ask();
      expect(response.status).toBe(200);
      expect(await response.text()).not.toContain("backend-1");
    }
  } finally {
    child.kill("SIGINT");
  }
  expect(await child.exited).toBe(0);
  for (const pid of backends) expect(await isGone(pid)).toBe(true);
});

test("backends do not outlive a demo that is killed", async () => {
  const { child, backends } = await startDemo();
  child.kill("SIGKILL");
  await child.exited;
  for (const pid of backends) expect(await isGone(pid)).toBe(true);
});

test("a backend of the demo leaves Ctrl-C to the demo, which drains first", async () => {
  const child = Bun.spawn([EXECUTABLE, "hello", "--with-stdin", "--host=127.0.0.1", "--port=0"], {
    stdin: "pipe",
    stdout: "pipe",
  });
  const { value } = await child.stdout.getReader().read();
  const url = /http:\S+/.exec(new TextDecoder().decode(value))![0];
  child.kill("SIGINT");
  for (let i = 0; i < 5; i++) expect((await fetch(url)).status).toBe(200);
  await child.stdin.end();
  expect(await child.exited).toBe(0);
});

test("a port that is taken ends the demo in one line", async () => {
  using taken = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => new Response() });
  const child = Bun.spawn([EXECUTABLE, "demo"], {
    env: { HOST: "127.0.0.1", PORT: String(taken.port) },
    stdout: "ignore",
    stderr: "pipe",
  });
  const stderr = await new Response(child.stderr).text();
  expect(await child.exited).toBe(75);
  expect(stderr).toMatch(/^gateway: .*in use by another process.*\n$/);
});
