import { describe, expect, test } from "bun:test";
import { closeSync, openSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { LogOutput } from "../../src/control/log-output.ts";

const source = join(import.meta.dir, "../../src/control/log-output.ts");

/** A process whose stdout is a pipe that nobody reads until a line is sent to its stdin. */
function unread(body: string) {
  const script = `
    import { LogOutput } from ${JSON.stringify(source)};
    const output = new LogOutput({ maxWaiting: 256 * 1024 });
    ${body}`;
  return Bun.spawn({
    cmd: [
      "sh",
      "-c",
      'exec 3<&0; { "$0" -e "$1"; echo "exit $?" >&2; } | { read go <&3; cat; }',
      process.execPath,
      script,
    ],
    stdin: "pipe",
    stdout: "pipe",
    stderr: "pipe",
  });
}

async function nextChunk(stream: ReadableStream<Uint8Array>): Promise<string> {
  const reader = stream.getReader();
  const { value } = await reader.read();
  reader.releaseLock();
  return new TextDecoder().decode(value);
}

test("everything written leaves in order, and flush waits for it", async () => {
  const dir = await mkdtemp(join(tmpdir(), "gateway-log-"));
  const file = join(dir, "log");
  const fd = openSync(file, "w");
  try {
    const output = new LogOutput({ fd });
    let expected = "";
    for (let turn = 0; turn < 50; turn++) {
      for (let i = 0; i < 100; i++) {
        const line = `${turn} ${i} é\n`;
        expected += line;
        output.write(line);
      }
      await Promise.resolve();
    }
    await output.flush(5_000);
    expect(readFileSync(file, "utf8")).toBe(expected);
  } finally {
    closeSync(fd);
    await rm(dir, { recursive: true });
  }
});

describe("a reader that does not read", () => {
  test("costs bounded memory; the lost lines are counted once it reads again", async () => {
    const child = unread(`
      // Far more than the pipe and the limit hold together.
      for (let i = 0; i < 1_000; i++) {
        const line = String(i).padEnd(999, ".") + "\\n";
        output.write(line + line);
        if (i % 25 === 0) await Bun.sleep(1);
      }
      console.error("written");
      await output.flush(60_000);
    `);
    // Nothing is read before the child says that it got through: a write that waits hangs here.
    expect(await nextChunk(child.stderr)).toBe("written\n");
    void child.stdin.write("go\n");
    await child.stdin.end();
    const lines = (await new Response(child.stdout).text()).trimEnd().split("\n");
    const kept = lines.filter((line) => line.length === 999);
    const lost = lines.flatMap((line) => /^(\d+) log lines were lost$/.exec(line)?.[1] ?? []);
    expect(lost).toHaveLength(1);
    expect(kept.length + Number(lost[0])).toBe(2_000);
    expect(kept.length).toBeGreaterThan(200);
    expect(kept.length).toBeLessThan(600);
  });

  test("holds up the end of the process no longer than the flush may take", async () => {
    const child = unread(`
      for (let i = 0; i < 200; i++) output.write("x".repeat(999) + "\\n");
      await output.flush(50);
      process.exit(7);
    `);
    expect(await nextChunk(child.stderr)).toBe("exit 7\n");
    await child.stdin.end();
    await child.exited;
  });
});

test("a reader that went away ends the log, not the process", async () => {
  const script = `
    import { LogOutput } from ${JSON.stringify(source)};
    const output = new LogOutput();
    for (let i = 0; i < 100; i++) { output.write("line\\n"); await Bun.sleep(1); }
    await output.flush(60_000);
    console.error("alive");`;
  const pipeline = Bun.spawn({
    cmd: ["sh", "-c", '"$0" -e "$1" | true', process.execPath, script],
    stderr: "pipe",
    stdout: "ignore",
  });
  expect(await new Response(pipeline.stderr).text()).toBe("alive\n");
});

// In CI it has to be there; elsewhere its absence skips the test.
const noLimits = Bun.which("prlimit") === null && process.env["CI"] !== "true";

test.skipIf(noLimits)(
  "a disk that was full tears one line at most, and what was lost is counted once there is room",
  async () => {
    const dir = await mkdtemp(join(tmpdir(), "gateway-log-"));
    const file = join(dir, "log");
    // A limit on the size of the file is met as a full disk is: in the middle of a write.
    const script = `
    import { LogOutput } from ${JSON.stringify(source)};
    const output = new LogOutput();
    for (const round of ["a", "b"]) {
      for (let i = 0; i < 10; i++) output.write((round + i).padEnd(99, ".") + "\\n");
      await output.flush(60_000);
    }
    const { exited } = Bun.spawn(["prlimit", "--pid", String(process.pid), "--fsize=unlimited:"]);
    await exited;
    output.write("room again\\n");
    await output.flush(60_000);`;
    try {
      const child = Bun.spawn({
        cmd: [
          "sh",
          "-c",
          'trap "" XFSZ; ulimit -S -f 1; exec "$0" -e "$1" >"$2"',
          process.execPath,
          script,
          file,
        ],
        stdout: "ignore",
        stderr: "pipe",
      });
      expect([await new Response(child.stderr).text(), await child.exited]).toEqual(["", 0]);
      const lines = readFileSync(file, "utf8").split("\n");
      const whole = lines.filter((line) => line.length === 99);
      expect(whole).toEqual(["a0", "a1", "a2", "a3", "a4"].map((name) => name.padEnd(99, ".")));
      expect(lines.slice(whole.length)).toEqual([
        "a5..........",
        "room again",
        "15 log lines were lost",
        "",
      ]);
    } finally {
      await rm(dir, { recursive: true });
    }
  },
);
