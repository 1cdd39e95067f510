// Sends spans by OTLP over HTTP, in batches off the path, with OpenTelemetry's own library. Loaded
// only where OTEL_EXPORTER_OTLP_ENDPOINT is set. Other OTEL_EXPORTER_OTLP_* variables (headers,
// timeout, compression) are the library's. What cannot be sent in time is dropped, never waited for.

import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchSpanProcessor, type ReadableSpan, type SpanExporter } from "@opentelemetry/sdk-trace";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import type { Logger } from "../../shared/log.ts";
import type { Exchange } from "../proxy/exchange.ts";
import { type SpanOrigin, spansOf } from "./spans.ts";

/** A second of some thousand requests in each worker; beyond it spans are dropped. */
const QUEUE = { maxQueueSize: 8192, maxExportBatchSize: 1024, scheduledDelayMillis: 1000 };
/** At the end, spans are not worth a longer wait. */
const LAST_FLUSH_MS = 2000;

export interface SpanRecorder {
  /** `elapsed` in ns, to the end of the answer's body. */
  record(exchange: Exchange, elapsed: number): void;
  /** Sends what is waiting, for two seconds at most. */
  close(): Promise<void>;
}

export interface SpanExportOptions {
  /** Base URL of the receiver, as OTEL_EXPORTER_OTLP_ENDPOINT has it. */
  readonly endpoint: string;
  readonly serviceName: string;
  readonly version: string;
  /** Tells this worker from the others: each sends its own spans. */
  readonly instance: string;
  readonly log: Logger;
}

export function startExport(options: SpanExportOptions): SpanRecorder {
  const { endpoint, serviceName, version, instance, log } = options;
  const url = `${endpoint.replace(/\/$/, "")}/v1/traces`;
  const exporter = reporting(new OTLPTraceExporter({ url }), log);
  const processor = new BatchSpanProcessor({ exporter, ...QUEUE });
  const origin: SpanOrigin = {
    resource: resourceFromAttributes({
      "service.name": serviceName,
      "service.version": version,
      "service.instance.id": instance,
    }),
    instrumentationScope: { name: "gateway", version },
  };
  return {
    record(exchange, elapsed) {
      if (!exchange.sampled) return;
      const spans = spansOf(exchange, Date.now(), elapsed, origin);
      for (const span of spans) processor.onEnd(span);
    },
    async close() {
      // It rejects with what has been reported already.
      const closed = processor.shutdown().catch(() => undefined);
      await Promise.race([closed, Bun.sleep(LAST_FLUSH_MS)]);
    },
  };
}

/** One line when sending begins to fail, one when it works again. */
function reporting(exporter: SpanExporter, log: Logger): SpanExporter {
  let failing = false;
  return {
    export(spans: ReadableSpan[], done) {
      exporter.export(spans, (result) => {
        const failed = result.error !== undefined;
        if (failed && !failing) {
          log.warn("spans cannot be sent and are dropped", { reason: result.error?.message });
        } else if (!failed && failing) log.info("spans are sent again");
        failing = failed;
        done(result);
      });
    },
    shutdown: () => exporter.shutdown(),
  };
}
