// `POST /-/explain`: what would become of a request. Reads the words; who answers is handed in.

import { Elysia } from "elysia";
import { type AddressKey, addressKey } from "../../shared/address.ts";
import type { ExplainQuery, Explanation } from "../../shared/explanation.ts";
import { readJson } from "../json-body.ts";
import { GUARDED, JSON_BODY, json, refusals } from "../openapi.ts";
import { InvalidFields, methodNotAllowed } from "../refusal.ts";
import { ExplainBody } from "./model.ts";

export interface ExplainControllerOptions {
  readonly explain: (query: ExplainQuery) => Explanation;
}

const parse = [readJson, "json" as const];
const key: AddressKey = { hi: 0, lo: 0 };

export function explainController({ explain }: ExplainControllerOptions) {
  return new Elysia()
    .post(
      "/-/explain",
      ({ body: { request, headers = {}, peer = "127.0.0.1" } }) => {
        const [method = "", target = "", said] = request.split(" ");
        const version = said === "HTTP/1.0" ? said : "HTTP/1.1";
        if (!addressKey(peer, key)) {
          throw new InvalidFields([{ field: "peer", message: "must be an IPv4 or IPv6 address" }]);
        }
        return explain({ method, target, version, headers: fieldsOf(headers), peer });
      },
      {
        body: ExplainBody,
        parse,
        detail: {
          tags: ["status"],
          operationId: "explain",
          summary: "Why is a request treated as it is?",
          description:
            "Says who a request would come from, which bucket decides, and where it would go. It takes no token, and no backend's turn passes.",
          responses: {
            200: json("What would become of it.", "Explanation"),
            ...refusals(...GUARDED, ...JSON_BODY),
          },
        },
      },
    )
    .all("/-/explain", methodNotAllowed("POST"), { detail: { hide: true }, parse: "none" });
}

function fieldsOf(given: Readonly<Record<string, string>>): Headers {
  try {
    return new Headers(given);
  } catch {
    throw new InvalidFields([{ field: "headers", message: "must be valid header fields" }]);
  }
}
