// A receiver of spans as an OpenTelemetry collector is one: takes OTLP over HTTP as JSON and keeps
// what came.

export interface ReceivedSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  /** 2 server, 3 client. */
  readonly kind: number;
  /** ns since 1970. */
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly status: { readonly code: number };
  readonly attributes: Readonly<Record<string, unknown>>;
  readonly resource: Readonly<Record<string, unknown>>;
}

export interface OtlpReceiver extends Disposable {
  readonly url: string;
  readonly spans: ReceivedSpan[];
  /** Answered instead of 200. */
  status: number;
  /** Settles when there are so many. */
  until(count: number): Promise<void>;
}

interface Attribute {
  readonly key: string;
  readonly value: Readonly<Record<string, unknown>>;
}

interface Export {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly Attribute[] };
    readonly scopeSpans: readonly {
      readonly spans: readonly (Omit<ReceivedSpan, "attributes" | "resource"> & {
        readonly attributes: readonly Attribute[];
      })[];
    }[];
  }[];
}

export function otlpReceiver(): OtlpReceiver {
  const spans: ReceivedSpan[] = [];
  let changed = Promise.withResolvers<void>();
  const server = Bun.serve({
    hostname: "127.0.0.1",
    port: 0,
    routes: {
      "/v1/traces": {
        POST: async (request) => {
          if (receiver.status !== 200) return new Response(null, { status: receiver.status });
          const { resourceSpans } = (await request.json()) as Export;
          for (const { resource, scopeSpans } of resourceSpans) {
            for (const span of scopeSpans.flatMap((scope) => scope.spans)) {
              const attributes = plain(span.attributes);
              spans.push({ ...span, attributes, resource: plain(resource.attributes) });
            }
          }
          changed.resolve();
          changed = Promise.withResolvers();
          return Response.json({});
        },
      },
    },
    fetch: () => new Response(null, { status: 404 }),
  });
  const receiver: OtlpReceiver = {
    url: server.url.origin,
    spans,
    status: 200,
    async until(count) {
      while (spans.length < count) await changed.promise;
    },
    [Symbol.dispose]: () => void server.stop(true),
  };
  return receiver;
}

function plain(attributes: readonly Attribute[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [kind, given] = Object.entries(value)[0]!;
      return [key, kind === "intValue" ? Number(given) : given];
    }),
  );
}
