// The place of each request in its trace: continues the one that the caller names, or starts one. A
// caller's header is passed on as it is unless spans of ours stand between: then the backend's parent
// is our span. Writes the exchange; owned by one worker. Without an exporter nothing is recorded.

import type { SamplerName } from "../../shared/samplers.ts";
import { createSampler, type Sampler } from "./sampler.ts";
import { readTraceparent, TraceIds } from "./trace-context.ts";

/** Of an exchange, what its place in the trace is made of. */
export interface Traced {
  readonly asked: { readonly fields: { get(lowerName: string): string | null } };
  traceId: string;
  /** The caller's span; empty when the trace starts here. */
  parentId: string;
  /** Our span of this request, and the one of its forwarding. */
  spanId: string;
  forwardId: string;
  sampled: boolean;
  /** The backend is to get a `traceparent` of ours instead of what came. */
  traced: boolean;
}

export interface TracingOptions {
  readonly sampler: SamplerName;
  /** 0 to 1. */
  readonly ratio: number;
  /** Spans are recorded. */
  readonly recording: boolean;
}

export class Tracing {
  readonly #ids = new TraceIds();
  readonly #sampler: Sampler;
  readonly #recording: boolean;

  constructor({ sampler, ratio, recording }: TracingOptions) {
    this.#sampler = createSampler(sampler, ratio);
    this.#recording = recording;
  }

  begin(exchange: Traced): void {
    const given = exchange.asked.fields.get("traceparent");
    const parent = given === null ? null : readTraceparent(given);
    const traceId = parent === null ? this.#ids.traceId() : parent.traceId;
    exchange.traceId = traceId;
    exchange.sampled = this.#sampler(traceId, parent === null ? null : parent.sampled);
    if (parent !== null) {
      exchange.parentId = parent.parentId;
      if (!this.#recording) return;
    }
    if (this.#recording) exchange.spanId = this.#ids.spanId();
    exchange.forwardId = this.#ids.spanId();
    exchange.traced = true;
  }
}
