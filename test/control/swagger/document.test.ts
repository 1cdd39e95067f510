import { afterAll, describe, expect, test } from "bun:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { backendId } from "../../../src/shared/backend-id.ts";
import { startControl } from "../../support/control-server.ts";

interface Operation {
  operationId: string;
  summary?: string;
  description?: string;
  tags?: string[];
  security?: unknown[];
  parameters?: { name: string; in: string; required?: boolean }[];
  requestBody?: { content: Record<string, { schema: Record<string, unknown> }> };
  responses: Record<string, { $ref?: string }>;
}
interface Document {
  openapi: string;
  paths: Record<string, Record<string, Operation>>;
  components: Record<string, Record<string, unknown>>;
  security: unknown[];
}

const BACKEND = backendId("http://10.0.0.2:80");
const server = startControl();
afterAll(() => server[Symbol.asyncDispose]());

const document = (await (await server.fetch("/swagger/json")).json()) as Document;
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(([method, operation]) => ({
    name: `${method.toUpperCase()} ${path}`,
    operation,
  })),
);

test("it is a valid OpenAPI document", async () => {
  const result = await new Validator().validate(structuredClone(document) as never);
  expect(result.errors ?? []).toEqual([]);
  expect(result.valid).toBe(true);
});

test("it has every control route and nothing else", () => {
  expect(operations.map(({ name }) => name).sort()).toEqual([
    "DELETE /-/backends/{id}",
    "DELETE /clients/{client_id}",
    "GET /-/backends",
    "GET /-/backends/{id}",
    "GET /-/dashboard",
    "GET /-/dashboard/buckets",
    "GET /-/dashboard/clients",
    "GET /-/dashboard/events",
    "GET /-/healthy",
    "GET /-/metrics",
    "GET /-/ready",
    "GET /-/top",
    "GET /clients",
    "GET /clients/{client_id}",
    "GET /clients/{client_id}/usage",
    "GET /swagger",
    "GET /swagger/json",
    "PATCH /-/backends/{id}",
    "PATCH /clients/{client_id}",
    "POST /-/backends",
    "POST /-/explain",
    "POST /clients",
    "POST /clients/{client_id}/reset",
    "PUT /clients",
    "PUT /clients/{client_id}",
  ]);
});

test("no reference leads nowhere", () => {
  const references = JSON.stringify(document).matchAll(/"\$ref":"([^"]+)"/g);
  const targets = [...references].map((match) => match[1]!);
  expect(targets.length).toBeGreaterThan(40);
  for (const target of targets) {
    const found = target
      .slice(2)
      .split("/")
      .reduce<unknown>(
        (node, key) => (node as Record<string, unknown> | undefined)?.[key],
        document,
      );
    expect([target, found === undefined]).toEqual([target, false]);
  }
});

describe.each(operations)("$name", ({ name, operation }) => {
  test("says what it does and how it refuses", () => {
    expect(operation.summary).toBeString();
    expect(operation.description).toBeString();
    expect(operation.tags).toHaveLength(1);
    const statuses = Object.keys(operation.responses);
    expect(statuses.some((status) => status.startsWith("2"))).toBe(true);
    const isOpen = ["GET /-/healthy", "GET /-/ready"].includes(name);
    expect(operation.security).toEqual(isOpen ? [] : undefined);
    if (!isOpen) expect(statuses).toEqual(expect.arrayContaining(["401", "403"]));
  });

  test("its body is JSON with an example that its own schema accepts", async () => {
    if (!operation.requestBody || name === "PUT /clients") return;
    expect(Object.keys(operation.requestBody.content)).toEqual(["application/json"]);
    const { schema } = operation.requestBody.content["application/json"]!;
    expect(schema["additionalProperties"]).toBe(false);
    const [method, path] = name.split(" ") as [string, string];
    const [example] = schema["examples"] as unknown[];
    if (method !== "POST") {
      const client = { client_id: "doc", capacity: 1, rate_per_sec: 1, current_tokens: 1 };
      server.clients.stored.set("doc", client);
      server.backends.stored.set(BACKEND, { url: "http://10.0.0.2:80", weight: 1 });
    }
    const at = path.replace("{client_id}", "doc").replace("{id}", BACKEND);
    const answer = await server.fetch(at, {
      method,
      headers: { "content-type": "application/json" },
      body: JSON.stringify(example),
    });
    expect(answer.ok).toBe(true);
  });
});

describe.each(operations)("$name refuses what is no value", ({ name, operation }) => {
  const [method, path] = name.split(" ") as [string, string];
  const at = path.replace("{client_id}", "doc").replace("{id}", BACKEND);
  const told = async (answer: Response): Promise<string[]> => {
    const { errors } = (await answer.json()) as { errors: { field: string; message: string }[] };
    return errors.map(({ message }) => message);
  };

  test("and says in words what is accepted", async () => {
    const messages: string[] = [];
    for (const parameter of operation.parameters ?? []) {
      if (parameter.in !== "query") continue;
      messages.push(...(await told(await server.fetch(`${at}?${parameter.name}=%00`))));
    }
    const schema = operation.requestBody?.content["application/json"]?.schema;
    for (const field of Object.keys((schema?.["properties"] as object | undefined) ?? {})) {
      for (const body of [{ [field]: [] }, {}]) {
        const headers = { "content-type": "application/json" };
        const answer = await server.fetch(at, { method, headers, body: JSON.stringify(body) });
        messages.push(...(await told(answer)));
      }
    }
    for (const message of messages) expect(message).not.toContain("undefined");
  });
});

test("parameters are described", () => {
  const { parameters } = document.paths["/clients"]!["get"]!;
  expect(parameters).toEqual([
    expect.objectContaining({ name: "limit", in: "query", required: false }),
    expect.objectContaining({ name: "after", in: "query", required: false }),
  ]);
  for (const operation of Object.values(document.paths["/clients/{client_id}"]!)) {
    expect(operation.parameters).toEqual([
      expect.objectContaining({ name: "client_id", in: "path", required: true }),
    ]);
  }
});

test("with a token it says that one is needed", async () => {
  expect(document.security).toEqual([]);
  expect(document.components["securitySchemes"]).toBeUndefined();
  await using guarded = startControl({ admin: { token: "t", allow: [] } });
  const headers = { authorization: "Bearer t" };
  const answer = await guarded.fetch("/swagger/json", { headers });
  const withToken = (await answer.json()) as Document;
  expect(withToken.security).toEqual([{ adminToken: [] }]);
  expect(withToken.components["securitySchemes"]).toMatchObject({
    adminToken: { type: "http", scheme: "bearer" },
  });
  expect((await new Validator().validate(withToken as never)).valid).toBe(true);
});
