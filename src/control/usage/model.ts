// The shapes of the usage routes.

import { t } from "elysia";
import { ClientBody } from "../clients/model.ts";
import { MAX_TOP } from "./limits.ts";

const moment = (description: string) => t.String({ format: "date-time", description });
const momentOrNull = (description: string) =>
  t.Union([t.String({ format: "date-time" }), t.Null()], { description });
const admitted = t.Number({ description: "Requests let through since `since`." });
const rejected = t.Number({ description: "Requests refused for want of a token since `since`." });
const since = moment("The counts start here: registration, last reset, or start of the gateway.");
const lastSeen = momentOrNull("The last request, to the second; null when there was none.");
const rates = (time: string) =>
  t.Object(
    { admitted_per_sec: t.Number(), rejected_per_sec: t.Number() },
    { description: `Requests a second: exponentially decayed average, time constant ${time}.` },
  );

const counts = { admitted: 120, rejected: 30, since: "2026-01-01T12:00:00.000Z" };
const rate = { admitted_per_sec: 2, rejected_per_sec: 0.5 };
const seen = { last_seen: "2026-01-01T12:01:00.000Z" };

export const UsageBody = t.Object(
  {
    ...ClientBody.properties,
    full_at: momentOrNull(
      "When the bucket will be full if no more requests come, at most the end of the year 9999; null: it is.",
    ),
    admitted,
    rejected,
    since,
    last_seen: lastSeen,
    rate_1m: rates("one minute"),
    rate_10m: rates("ten minutes"),
  },
  {
    description: "What a client has used.",
    examples: [
      {
        client_id: "client9",
        capacity: 100,
        rate_per_sec: 5,
        current_tokens: 50,
        full_at: "2026-01-01T12:01:10.000Z",
        ...counts,
        ...seen,
        rate_1m: rate,
        rate_10m: rate,
      },
    ],
  },
);

export const TopQueryParams = t.Object(
  {
    by: t.Optional(
      t.Union([t.Literal("rejected"), t.Literal("admitted")], {
        title: "rejected or admitted",
        default: "rejected",
        description: "What makes a client busy.",
      }),
    ),
    limit: t.Optional(
      t.Number({
        minimum: 1,
        maximum: MAX_TOP,
        multipleOf: 1,
        default: 10,
        description: "How many clients, and how many addresses, to answer with at most.",
      }),
    ),
  },
  { additionalProperties: false },
);

const busyClient = t.Object({
  client_id: t.String(),
  admitted,
  rejected,
  since,
  last_seen: lastSeen,
  rate_1m: rates("one minute"),
});

const busyAddress = t.Object({
  address: t.String({ description: "An IPv4 address, or the /64 of an IPv6 address." }),
  admitted,
  rejected,
  forgotten: t.Number({
    description:
      "Only the busiest are kept. Of its requests in the ten minutes before `since`, those that went uncounted, at most.",
  }),
  since: moment("The counts start here."),
  last_seen: moment("The last request, to the second."),
});

export const TopBody = t.Object(
  {
    by: t.String({ description: "`rejected` or `admitted`." }),
    clients: t.Array(busyClient, { description: "Registered clients, busiest first." }),
    addresses: t.Array(busyAddress, { description: "Anonymous addresses, busiest first." }),
  },
  {
    examples: [
      {
        by: "rejected",
        clients: [{ client_id: "client9", ...counts, ...seen, rate_1m: rate }],
        addresses: [{ address: "192.0.2.1", ...counts, forgotten: 0, ...seen }],
      },
    ],
  },
);
