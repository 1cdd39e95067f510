// Reads `?limit=&after=` of GET /clients.

import { queryReader } from "../query.ts";
import { DEFAULT_PAGE, PageQuery } from "./model.ts";

const read = queryReader(PageQuery);

/** Throws `InvalidFields` (422). */
export function readPageQuery(url: string): { limit: number; after: string | null } {
  const { limit = DEFAULT_PAGE, after = null } = read(url);
  return { limit, after };
}
