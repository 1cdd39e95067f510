import { expect, test } from "bun:test";
import { problem } from "../../src/shared/problem.ts";

test("a problem is RFC 9457 and is never stored", async () => {
  const response = problem(
    422,
    { title: "T", detail: "D", errors: [{ field: "a" }] },
    { "retry-after": "1" },
  );
  expect(response.status).toBe(422);
  expect(response.headers.get("content-type")).toBe("application/problem+json");
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(response.headers.get("retry-after")).toBe("1");
  expect(await response.json()).toEqual({
    type: "about:blank",
    title: "T",
    status: 422,
    detail: "D",
    errors: [{ field: "a" }],
  });
});
