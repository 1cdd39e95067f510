// How a control call ends, for every port that the control routes know: values, never exceptions.

/** One field of a request that was refused, and why: `{ field: "capacity", message: "…" }`. */
export interface FieldError {
  readonly field: string;
  readonly message: string;
}

/**
 * Why a control call did not happen. `unavailable`: the database cannot be reached (503), and
 * `detail` says whether something may have changed. `full`: the tables hold as many as they can
 * (507). `invalid`: 422 with fields.
 */
export type ControlFailure =
  | { readonly ok: false; readonly reason: "not_found" | "exists" | "full" }
  | { readonly ok: false; readonly reason: "unavailable"; readonly detail: string }
  | { readonly ok: false; readonly reason: "invalid"; readonly fields: readonly FieldError[] };

export type ControlResult<T> = { readonly ok: true; readonly value: T } | ControlFailure;
