// How much the usage routes answer with, known to both of their ends.

/** Most entries of one kind that `GET /-/top` lists. */
export const MAX_TOP = 1000;
