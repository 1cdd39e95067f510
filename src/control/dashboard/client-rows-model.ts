// The dashboard's list of clients: what may be asked, and what is answered. The page imports the
// types.

import { type Static, t } from "elysia";
import { STORED_CLIENT_ID, STORED_CLIENT_ID_IN_WORDS } from "../../shared/clients.ts";

export const ClientRowBody = t.Object(
  {
    client_id: t.String(),
    capacity: t.Number(),
    rate_per_sec: t.Number(),
    tokens: t.Number({ description: "In its bucket now." }),
    admitted: t.Number({ description: "Requests since it was registered or the gateway started." }),
    rejected: t.Number({ description: "Those of them that found no token." }),
    idle: t.Union([t.Number(), t.Null()], {
      description: "Whole seconds since its last request; null when it has made none.",
    }),
  },
  { description: "A client with its live bucket." },
);
export type ClientRow = Static<typeof ClientRowBody>;

const row = {
  client_id: "client9",
  capacity: 100,
  rate_per_sec: 5,
  tokens: 49.5,
  admitted: 1200,
  rejected: 34,
  idle: 0,
};

export const ClientRowsBody = t.Object(
  {
    clients: t.Array(ClientRowBody),
    next: t.Union([t.String(), t.Null()], {
      description: "Pass it as `after` for the next page; null on the last one.",
    }),
  },
  { examples: [{ clients: [row], next: null }] },
);
export type ClientRows = Static<typeof ClientRowsBody>;

/** In one answer. */
export const MAX_ROWS = 100;
export const DEFAULT_ROWS = 25;

export const ClientRowsQuery = t.Object(
  {
    prefix: t.Optional(
      t.String({
        title: `the beginning of a client_id: ${STORED_CLIENT_ID_IN_WORDS}, or none`,
        pattern: STORED_CLIENT_ID.source.replace("{1,", "{0,"),
        description: "Only clients whose id begins so.",
      }),
    ),
    order: t.Optional(
      t.Union([t.Literal("id"), t.Literal("admitted"), t.Literal("rejected")], {
        title: "id, admitted or rejected",
        description: "By id (the default), or the highest total first.",
      }),
    ),
    limit: t.Optional(
      t.Number({
        minimum: 1,
        maximum: MAX_ROWS,
        multipleOf: 1,
        default: DEFAULT_ROWS,
        description: "How many clients to answer with.",
      }),
    ),
    after: t.Optional(
      t.String({
        title: STORED_CLIENT_ID_IN_WORDS,
        pattern: STORED_CLIENT_ID.source,
        description: "`next` of the page before.",
      }),
    ),
  },
  { additionalProperties: false },
);
export type ClientOrder = NonNullable<Static<typeof ClientRowsQuery>["order"]>;

export const BucketsQuery = t.Object(
  {
    ids: t.String({
      title: "client ids, separated by commas",
      pattern: "^[A-Za-z0-9._:@,-]{1,12900}$",
      description: `Up to ${MAX_ROWS} client ids, separated by commas.`,
    }),
  },
  { additionalProperties: false },
);
