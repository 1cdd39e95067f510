// The migrations of PostgreSQL, inside the executable, in order. See `migrations.ts`.

import postgresJournal from "../../../drizzle/postgres/meta/_journal.json";
import postgres0000 from "../../../drizzle/postgres/0000_clients.sql" with { type: "text" };
import postgres0001 from "../../../drizzle/postgres/0001_backends.sql" with { type: "text" };
import { embed } from "./migrations.ts";

export const postgresMigrations = embed(postgresJournal, {
  "0000_clients": postgres0000,
  "0001_backends": postgres0001,
});
