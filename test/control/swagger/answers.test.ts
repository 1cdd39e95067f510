// What the OpenAPI document says is what is answered: requests of all kinds, good and bad, to the real
// services, and each answer's status, type and body are in the document.

import { afterAll, beforeAll, expect, test } from "bun:test";
import Ajv2020, { type ValidateFunction } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { UsageService } from "../../../src/control/usage/service.ts";
import { UsageMeter } from "../../../src/control/usage/meter.ts";
import { BusyAddresses } from "../../../src/shared/busy-addresses.ts";
import { mainClock } from "../../../src/shared/clock.ts";
import { type ControlServer, json, startControl } from "../../support/control-server.ts";
import {
  ControlPlane,
  dialects,
  removeTemporaryFolders,
  writeByHand,
} from "../../support/database.ts";

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
}
interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly $ref?: string; readonly content?: object }>
  >;
}

const IDS = ["a", "b:@.", "by-hand", "x".repeat(128), "x".repeat(129), "a b", "%zz", ".a"];
const NUMBERS = [
  -1,
  -0,
  0,
  5e-324,
  1e-9,
  0.5,
  1,
  1.5,
  100,
  1e9,
  1e9 + 1,
  1e308,
  "1",
  null,
  true,
  [],
];
const URLS = ["http://10.0.0.1:80", "http://10.0.0.2", "ftp://a", "http://a/b", "", 5, null];

/** Any of the fields may be left out. */
const SPARSE = { requiredKeys: [] };

const id = fc
  .constantFrom(...IDS)
  .map((text) => (text === "%zz" ? text : encodeURIComponent(text)));
const number = fc.constantFrom<unknown>(...NUMBERS);
const limits = { capacity: number, rate_per_sec: number, current_tokens: number };
const client = fc.record({ client_id: fc.constantFrom(...IDS), ...limits, burst: number }, SPARSE);
const backend = fc.record(
  { url: fc.constantFrom(...URLS), weight: number, max_in_flight: number, draining: number },
  SPARSE,
);
const body = fc.oneof(
  { weight: 9, arbitrary: fc.oneof(client, backend).map((value) => JSON.stringify(value)) },
  fc.constantFrom("", "{", "[]", "null", '{"capacity":NaN}', '{"capacity":1,"capacity":2}'),
);
const query = fc.constantFrom("", "?limit=1", "?limit=0", "?after=a", "?by=admitted", "?x=1");
const path = fc.oneof(
  id.map((text) => `/clients/${text}`),
  id.map((text) => `/clients/${text}/usage`),
  id.map((text) => `/clients/${text}/reset`),
  fc.constantFrom("/clients", "/-/top", "/-/backends", "/-/explain", "/-/ready", "/-/healthy"),
  fc.constantFrom("/-/metrics", "/-/dashboard/clients", "/-/backends/%zz", "/swagger/json"),
);
const request = fc.record({
  method: fc.constantFrom("GET", "POST", "PUT", "PATCH", "DELETE"),
  path: fc.tuple(path, query).map((parts) => parts.join("")),
  body,
  type: fc.constantFrom(
    "application/json",
    "application/json",
    "application/x-ndjson",
    "text/plain",
  ),
});

let plane: ControlPlane;
let server: ControlServer;
let document: Document;
let ajv: Ajv2020;
beforeAll(async () => {
  const config = await dialects[0]!.create();
  plane = await ControlPlane.on(config);
  await writeByHand(config, "'by-hand', -1, 1, 1, 0, 1, 1, 0, 0");
  const { clients, table } = plane;
  const clock = mainClock();
  const meter = new UsageMeter({ table, clock });
  meter.opened(0, clock());
  const addresses = new BusyAddresses(BusyAddresses.reserve({ workers: 1 }));
  const refill = (clientId: string) => clients.refill(clientId);
  const usage = new UsageService({ table, meter, addresses, refill, clock });
  server = startControl({ clients, usage });
  document = (await (await server.fetch("/swagger/json")).json()) as Document;
  ajv = new Ajv2020({ strict: false, allErrors: true });
  (addFormats as unknown as (ajv: Ajv2020) => void)(ajv);
  ajv.addSchema(document, "document");
});
afterAll(async () => {
  await server[Symbol.asyncDispose]();
  await plane.close();
  removeTemporaryFolders();
});

test("every answer is one that the document has", async () => {
  await fc.assert(
    fc.asyncProperty(request, async ({ method, path, body, type }) => {
      const headers = { "content-type": type };
      const init = method === "GET" || method === "DELETE" ? { method } : json(method, body);
      const answer = await server.fetch(path, { ...init, headers });
      expect(await faultOf(method, path, answer)).toBeNull();
    }),
    { numRuns: 1500 },
  );
  expect(server.errors).toEqual([]);
});

async function faultOf(method: string, path: string, answer: Response): Promise<unknown> {
  const [at, described] = describedAt(path.split("?")[0]!);
  const { status } = answer;
  const type = answer.headers.get("content-type")?.split(";")[0] ?? null;
  const text = await answer.text();
  const operation = described[method.toLowerCase()];
  if (operation === undefined) return [404, 405].includes(status) ? null : { status, text };
  const response = operation.responses[status];
  if (response === undefined) return { undocumented: status, text };
  const place =
    response.$ref ?? pointer("paths", at, method.toLowerCase(), "responses", `${status}`);
  if (type === null) return text === "" && response.content === undefined ? null : { text };
  const valid = validatorOf(`document${place}${pointer("content", type, "schema").slice(1)}`);
  const value: unknown = type.endsWith("json") ? JSON.parse(text) : text;
  return valid(value) ? null : { errors: ajv.errorsText(valid.errors), text };
}

function describedAt(path: string): [string, Readonly<Record<string, Operation>>] {
  const found = Object.entries(document.paths)
    .filter(([template]) => new RegExp(`^${template.replace(/\{\w+\}/g, "[^/]+")}$`).test(path))
    // What is spelled out is more than a parameter.
    .sort(([a], [b]) => a.split("{").length - b.split("{").length)[0];
  return found ?? [path, {}];
}

/** A JSON pointer in a fragment. */
function pointer(...keys: readonly string[]): string {
  const escaped = keys.map((key) => key.replaceAll("~", "~0").replaceAll("/", "~1"));
  return `#/${escaped.map((key) => encodeURIComponent(key)).join("/")}`;
}

const validators = new Map<string, ValidateFunction>();

function validatorOf(ref: string): ValidateFunction {
  const known = validators.get(ref) ?? ajv.compile({ $ref: ref });
  validators.set(ref, known);
  return known;
}
