// Reads the query of a control route by its schema. Elysia's own reading of numbers is generous
// ("0x10", " 5", the last of two); this one refuses what is not plainly a whole number, or twice.

import { getSchemaValidator, type Static, type TSchema } from "elysia";
import { InvalidFields } from "./refusal.ts";
import { describeErrors } from "./validation.ts";

type QuerySchema = TSchema & { readonly properties: Readonly<Record<string, TSchema>> };

/** The reader throws `InvalidFields` (422). Parameters that the schema has as numbers are those. */
export function queryReader<T extends QuerySchema>(schema: T): (url: string) => Static<T> {
  const validator = getSchemaValidator(schema, { normalize: false });
  const isNumber = (name: string): boolean => schema.properties[name]?.["type"] === "number";
  return (url) => {
    const given = new Map<string, unknown>();
    for (const [name, value] of new URL(url).searchParams) {
      if (given.has(name)) throw new InvalidFields([{ field: name, message: "is given twice" }]);
      given.set(name, isNumber(name) && /^\d{1,9}$/.test(value) ? Number(value) : value);
    }
    const query = Object.fromEntries(given);
    const fields = describeErrors(validator.Errors(query) as never);
    if (fields.length > 0) throw new InvalidFields(fields);
    return query;
  };
}
