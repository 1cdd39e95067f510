// What the README says about the program is the program's own word. Tables that come from the code
// stand between markers; `UPDATE_README=1 bun test test/readme.test.ts` writes them anew.

import { expect, test } from "bun:test";
import { join } from "node:path";
import { settingsMarkdown } from "../src/config/reference.ts";
import { metricsMarkdown } from "../src/control/metrics/reference.ts";

const README = join(import.meta.dir, "..", "README.md");

const TABLES: Readonly<Record<string, () => string>> = {
  settings: settingsMarkdown,
  metrics: metricsMarkdown,
};

test.each(Object.keys(TABLES))("the %s table of the README comes from the code", async (name) => {
  const text = await Bun.file(README).text();
  const begin = `<!-- ${name}:begin -->\n`;
  const end = `<!-- ${name}:end -->`;
  const start = text.indexOf(begin) + begin.length;
  const stop = text.indexOf(end);
  expect(stop).toBeGreaterThan(start - 1);
  const table = await formatted(TABLES[name]!());
  if (Bun.env["UPDATE_README"]) {
    await Bun.write(README, `${text.slice(0, start)}\n${table}\n${text.slice(stop)}`);
    return;
  }
  expect(text.slice(start, stop).trim()).toBe(table.trim());
});

test("every file the README links to exists", async () => {
  const text = await Bun.file(README).text();
  const links = [...text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)].map((match) => match[1]!);
  expect(links.length).toBeGreaterThan(1);
  for (const link of links) {
    expect(`${link} ${await Bun.file(join(README, "..", link)).exists()}`).toBe(`${link} true`);
  }
});

/** As the formatter leaves it in the file. */
async function formatted(markdown: string): Promise<string> {
  const child = Bun.spawn([process.execPath, "fmt", "--stdin-filepath=README.md"], {
    stdin: new Blob([markdown]),
    stdout: "pipe",
  });
  return await new Response(child.stdout).text();
}
