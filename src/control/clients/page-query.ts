// Reads `?limit=&after=` of GET /clients. Elysia's own reading of numbers in a query is generous
// ("0x10", " 5", the last of two); this one refuses what is not plainly a whole number, or twice.

import { getSchemaValidator } from "elysia";
import { DEFAULT_PAGE, PageQuery } from "./model.ts";
import { InvalidFields } from "../refusal.ts";
import { describeErrors } from "../validation.ts";

const validator = getSchemaValidator(PageQuery, { normalize: false });

/** Throws `InvalidFields` (422). */
export function readPageQuery(url: string): { limit: number; after: string | null } {
  const given = new Map<string, unknown>();
  for (const [name, value] of new URL(url).searchParams) {
    if (given.has(name)) throw new InvalidFields([{ field: name, message: "is given twice" }]);
    given.set(name, name === "limit" && /^\d{1,9}$/.test(value) ? Number(value) : value);
  }
  const query = Object.fromEntries(given);
  const fields = describeErrors(validator.Errors(query) as never);
  if (fields.length > 0) throw new InvalidFields(fields);
  const { limit = DEFAULT_PAGE, after = null } = query as { limit?: number; after?: string };
  return { limit, after };
}
