// The shapes of `POST /-/explain`.

import { t } from "elysia";

const MAX_TARGET = 16_384;

export const ExplainBody = t.Object(
  {
    request: t.String({
      title: "a request line such as GET /path?client_id=a HTTP/1.1",
      pattern: String.raw`^[!#$%&'*+.^_|~0-9A-Za-z\x60-]{1,32} /[!-~]*( HTTP/1\.[01])?$`,
      maxLength: MAX_TARGET,
      description: "The request line: method and target, with or without the version.",
    }),
    headers: t.Optional(
      t.Record(t.String(), t.String({ title: "text" }), {
        title: "an object of header fields",
        description: "Header fields; several lines of one name are joined by commas.",
      }),
    ),
    peer: t.Optional(
      t.String({
        title: "an IPv4 or IPv6 address",
        default: "127.0.0.1",
        description: "The address that the connection would come from.",
      }),
    ),
  },
  {
    additionalProperties: false,
    examples: [{ request: "GET /?client_id=client9 HTTP/1.1", peer: "192.0.2.1" }],
  },
);

const identity = t.Union(
  [
    t.Object({ kind: t.Literal("client"), client_id: t.String() }),
    t.Object({
      kind: t.Literal("anonymous"),
      address: t.String(),
      bucket_of: t.String({ description: "What shares the bucket: the address, or its /64." }),
    }),
    t.Null(),
  ],
  { description: "Who is asking; null where nobody looks." },
);

const bucket = t.Union(
  [
    t.Object({
      policy: t.String({ description: "`client` or `anonymous`." }),
      capacity: t.Number(),
      rate_per_sec: t.Number(),
      current_tokens: t.Number({ description: "Before the request." }),
      full_in_sec: t.Number(),
      next_token_in_sec: t.Number({ description: "0 when there is a whole token." }),
    }),
    t.Null(),
  ],
  { description: "The bucket that decides; null where none does." },
);

const backend = t.Union([t.Object({ id: t.String(), url: t.String() }), t.Null()], {
  description: "The backend that would be tried first; null when none would.",
});

export const ExplanationBody = t.Object(
  {
    decision: t.String({
      description:
        "`admitted`, `limited` (429), `rejected` (401: unknown clients are not served), `bad`, or " +
        "`answered` (by the gateway, for no token).",
    }),
    status: t.Union([t.Number(), t.Null()], {
      description: "Of the gateway's own answer; null where a backend or a control route answers.",
    }),
    reasons: t.Array(t.String(), { description: "Sentences, in the order of the decisions." }),
    identity,
    bucket,
    backend,
  },
  {
    examples: [
      {
        decision: "admitted",
        status: null,
        reasons: [
          "client_id names the registered client client9.",
          "Its bucket holds 50 tokens, of which it takes one.",
          "By round_robin, this backend is next.",
        ],
        identity: { kind: "client", client_id: "client9" },
        bucket: {
          policy: "client",
          capacity: 100,
          rate_per_sec: 5,
          current_tokens: 50,
          full_in_sec: 10,
          next_token_in_sec: 0,
        },
        backend: { id: "5ea0ab5cb43f", url: "http://10.0.0.1:8080" },
      },
    ],
  },
);
