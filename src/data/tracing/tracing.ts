// The place of each request in its trace: continues the one that the caller names, or starts one. A
// caller's header is passed on as it is unless spans of ours stand between: then the backend's parent
// is our span. Writes the exchange; owned by one worker. Without an exporter nothing is recorded.

import type { SamplerName } from "../../shared/samplers.ts";
import { createSampler, type Sampler } from "./sampler.ts";
import { Field, type FieldId } from "../http1/field-names.ts";
import { eightsOf } from "../http1/phrase.ts";
import {
  idText,
  readTraceparent,
  SPAN_EIGHTS,
  TRACE_EIGHTS,
  type TraceContext,
  TraceIds,
} from "./trace-context.ts";

/** Of a request's header, what `Tracing` looks at. */
export interface TracedFields {
  /** May be true for a field that is not there. */
  has(id: FieldId): boolean;
  get(lowerName: string): string | null;
}

const NOTHING = eightsOf("");

/** The place of one request in its trace. Ids are digits among others, see `TraceIds`. */
export class TracePlace {
  traceDigits = NOTHING;
  traceAt = 0;
  forwardDigits = NOTHING;
  forwardAt = 0;
  /** The caller's span; empty when the trace starts here. */
  parentId = "";
  /** Our span of this request. */
  spanId = "";
  sampled = false;
  /** The backend is to get a `traceparent` of ours instead of what came. */
  traced = false;

  get traceId(): string {
    return idText(this.traceDigits, this.traceAt, this.traceAt + TRACE_EIGHTS);
  }
  /** Our span of the forwarding. */
  get forwardId(): string {
    return idText(this.forwardDigits, this.forwardAt, this.forwardAt + SPAN_EIGHTS);
  }
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

  begin(place: TracePlace, fields: TracedFields): void {
    const ids = this.#ids;
    const parent = fields.has(Field.TRACEPARENT) ? parentIn(fields) : null;
    if (parent === null) {
      place.traceAt = ids.draw(TRACE_EIGHTS);
      place.traceDigits = ids.stock;
    } else {
      place.traceDigits = eightsOf(parent.traceId);
      place.parentId = parent.parentId;
    }
    place.sampled = this.#sampler(place, parent === null ? null : parent.sampled);
    if (parent !== null && !this.#recording) return;
    if (this.#recording) {
      const at = ids.draw(SPAN_EIGHTS);
      place.spanId = idText(ids.stock, at, at + SPAN_EIGHTS);
    }
    place.forwardAt = ids.draw(SPAN_EIGHTS);
    place.forwardDigits = ids.stock;
    place.traced = true;
  }
}

function parentIn(fields: TracedFields): TraceContext | null {
  const given = fields.get("traceparent");
  return given === null ? null : readTraceparent(given);
}
