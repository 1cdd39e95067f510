// The ways of choosing traces to record, by the names that OTEL_TRACES_SAMPLER has for them
// (https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/).

export const SAMPLERS = [
  "parentbased_always_on",
  "parentbased_always_off",
  "parentbased_traceidratio",
  "always_on",
  "always_off",
  "traceidratio",
] as const;
export type SamplerName = (typeof SAMPLERS)[number];
