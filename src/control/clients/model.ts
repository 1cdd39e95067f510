// The shapes of the clients routes. Each schema is at once the validation, the type and the entry
// in the OpenAPI document; `title` says in words what a pattern means, and error messages use it.

import { t } from "elysia";
import {
  CLIENT_ID,
  CLIENT_ID_IN_WORDS,
  MAX_CAPACITY,
  MAX_RATE_PER_SEC,
  STORED_CLIENT_ID,
  STORED_CLIENT_ID_IN_WORDS,
} from "../../shared/clients.ts";

const clientId = t.String({
  title: CLIENT_ID_IN_WORDS,
  pattern: CLIENT_ID.source,
  description: "Names the client; requests say it as ?client_id=.",
});

const limits = {
  capacity: t.Number({
    minimum: 1,
    maximum: MAX_CAPACITY,
    description: "Most tokens the bucket holds: the largest burst.",
  }),
  rate_per_sec: t.Number({
    exclusiveMinimum: 0,
    maximum: MAX_RATE_PER_SEC,
    description: "Tokens added per second, continuously.",
  }),
};

/** Its upper bound is the client's `capacity`, which the service knows. */
const currentTokens = t.Number({
  minimum: 0,
  maximum: MAX_CAPACITY,
  description: "Tokens in the bucket now, at most `capacity`.",
});

const strict = { additionalProperties: false };
const example = { capacity: 100, rate_per_sec: 5, current_tokens: 50 };

export const ClientBody = t.Object(
  { client_id: clientId, ...limits, current_tokens: currentTokens },
  { description: "A registered client.", examples: [{ client_id: "client9", ...example }] },
);

export const NewClientBody = t.Object(
  { client_id: clientId, ...limits, current_tokens: t.Optional(currentTokens) },
  {
    ...strict,
    description: "A client to register. Without `current_tokens` its bucket starts full.",
    examples: [{ client_id: "client9", ...example }],
  },
);

export const LimitsBody = t.Object(
  { ...limits, current_tokens: t.Optional(currentTokens) },
  {
    ...strict,
    description: "New limits. Without `current_tokens` the bucket keeps the fraction that is left.",
    examples: [{ capacity: 200, rate_per_sec: 10 }],
  },
);

/** An empty patch is refused: it is a mistake more often than a wish. */
export const PatchBody = t.Partial(LimitsBody, {
  ...strict,
  minProperties: 1,
  description: "Any of the limits, at least one.",
  examples: [{ rate_per_sec: 10 }],
});

export const ClientParams = t.Object({ client_id: clientId });

export const DEFAULT_PAGE = 100;

export const PageQuery = t.Object(
  {
    limit: t.Optional(
      t.Number({
        minimum: 1,
        maximum: 1000,
        multipleOf: 1,
        default: DEFAULT_PAGE,
        description: "How many clients to answer with.",
      }),
    ),
    after: t.Optional(
      t.String({
        title: STORED_CLIENT_ID_IN_WORDS,
        pattern: STORED_CLIENT_ID.source,
        description: "Answer with the clients after this client_id: `next` of the page before.",
      }),
    ),
  },
  strict,
);

export const PageBody = t.Object(
  {
    clients: t.Array(t.Ref("#/components/schemas/Client")),
    next: t.Union([t.String(), t.Null()], {
      description: "Pass it as `after` to get the next page; null on the last one.",
    }),
  },
  { examples: [{ clients: [{ client_id: "client9", ...example }], next: null }] },
);

export const BulkReportBody = t.Object(
  {
    lines: t.Number({ description: "The last line that was dealt with." }),
    created: t.Number(),
    changed: t.Number(),
    unchanged: t.Number(),
    refused: t.Number(),
    errors: t.Array(
      t.Object({
        line: t.Number({ description: "From 1." }),
        client_id: t.Union([t.String(), t.Null()]),
        detail: t.String(),
      }),
      { description: "The first 100 lines that were refused, and why." },
    ),
  },
  {
    examples: [
      {
        lines: 3,
        created: 1,
        changed: 0,
        unchanged: 1,
        refused: 1,
        errors: [
          {
            line: 3,
            client_id: "c",
            detail: "capacity must be a number from 1 to 1000000000, not 0",
          },
        ],
      },
    ],
  },
);
