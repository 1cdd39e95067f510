import { defineConfig } from "drizzle-kit";

export default defineConfig({
  dialect: "sqlite",
  schema: "./src/control/db/schema-sqlite.ts",
  out: "./drizzle/sqlite",
});
