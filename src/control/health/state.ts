// When a backend counts as healthy, as a pure state machine: no clock, no network, no log.
// Always holds: `streak` counts only results that argue against the present health.

export interface HealthState {
  readonly health: "unknown" | "healthy" | "unhealthy";
  /** Failed checks in a row while healthy; successful checks in a row while unhealthy. */
  readonly streak: number;
}

export interface Thresholds {
  /** Successes in a row that make an unhealthy backend healthy. At least 1. */
  readonly rise: number;
  /** Failures in a row that make a healthy backend unhealthy. At least 1. */
  readonly fall: number;
}

export interface Observed {
  readonly state: HealthState;
  /** True when the health changed; the first result always changes it. */
  readonly flipped: boolean;
}

export const UNKNOWN: HealthState = { health: "unknown", streak: 0 };
const HEALTHY: HealthState = { health: "healthy", streak: 0 };
const UNHEALTHY: HealthState = { health: "unhealthy", streak: 0 };

/**
 * Takes the result of one check. The first result decides at once, so a gateway that starts knows
 * where it stands; after that `rise` and `fall` apply. `connectionFailures`: how many connections in
 * a row failed while forwarding; they count like failed checks.
 */
export function observe(
  state: HealthState,
  ok: boolean,
  { rise, fall }: Thresholds,
  connectionFailures = 0,
): Observed {
  if (state.health === "unknown") return { state: ok ? HEALTHY : UNHEALTHY, flipped: true };
  const healthy = state.health === "healthy";
  if (ok === healthy) return { state: healthy ? HEALTHY : UNHEALTHY, flipped: false };
  const streak = state.streak + 1;
  const flipped = healthy ? streak + connectionFailures >= fall : streak >= rise;
  if (flipped) return { state: healthy ? UNHEALTHY : HEALTHY, flipped };
  return { state: { health: state.health, streak }, flipped };
}

/** Forwarding alone has shown that the backend is down: it comes back by `rise` good checks. */
export function eject(): HealthState {
  return UNHEALTHY;
}
