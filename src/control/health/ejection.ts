// How long a backend is ejected whose answers were failures, as pure functions: no clock, no table.
// Always holds: who is ejected again soon stays away longer, up to `MAX_EJECTION_MS`.

export interface EjectionState {
  /** Ejections that are not forgiven yet, the present one included. */
  readonly times: number;
  /** Monotonic ms: end of the present or the last ejection. */
  readonly untilMs: number;
}

export const NEVER_EJECTED: EjectionState = { times: 0, untilMs: 0 };

export const MAX_EJECTION_MS = 300_000;
/** Each such time in service makes the next ejection one step shorter. */
const FORGIVEN_AFTER_MS = 60_000;

/** `nowMs` monotonic. The n-th ejection lasts n times `baseMs`. */
export function ejected(state: EjectionState, nowMs: number, baseMs: number): EjectionState {
  const inService = Math.max(0, nowMs - state.untilMs);
  const forgiven = state.times === 0 ? 0 : Math.trunc(inService / FORGIVEN_AFTER_MS);
  const times = Math.max(0, state.times - forgiven) + 1;
  return { times, untilMs: nowMs + Math.min(times * baseMs, MAX_EJECTION_MS) };
}

/** Whether one more of `backends` may be ejected: at most half of them are at any time. */
export function mayEject(alreadyEjected: number, backends: number): boolean {
  return (alreadyEjected + 1) * 2 <= backends;
}
