// The words of `POST /-/explain`: what would become of a request, and why. The controller knows the
// words, the data plane answers: with the code that decides real requests.

export interface ExplainQuery {
  readonly method: string;
  /** Path and query, as in the request line. */
  readonly target: string;
  readonly version: "HTTP/1.0" | "HTTP/1.1";
  readonly headers: Headers;
  /** Address of the connection it would come on. */
  readonly peer: string;
}

export type ExplainedIdentity =
  | { readonly kind: "client"; readonly client_id: string }
  /** `bucket_of` is what shares the bucket: the address, or the /64 of an IPv6 address. */
  | { readonly kind: "anonymous"; readonly address: string; readonly bucket_of: string };

export interface ExplainedBucket {
  readonly policy: "client" | "anonymous";
  readonly capacity: number;
  readonly rate_per_sec: number;
  readonly current_tokens: number;
  /** Seconds; 0 when it is. */
  readonly full_in_sec: number;
  /** Seconds until there is a whole token; 0 when there is one. */
  readonly next_token_in_sec: number;
}

export interface Explanation {
  /**
   * `bad`: refused before anyone asks who sent it. `answered`: it is about the gateway, and costs
   * nothing. `rejected`: unknown clients are not served.
   */
  readonly decision: "admitted" | "limited" | "rejected" | "bad" | "answered";
  /** Of the gateway's own answer; null where a backend or a control route answers. */
  readonly status: number | null;
  /** Sentences, in the order in which things are decided. */
  readonly reasons: readonly string[];
  readonly identity: ExplainedIdentity | null;
  readonly bucket: ExplainedBucket | null;
  /** The backend that would be tried first; null when none would. */
  readonly backend: { readonly id: string; readonly url: string } | null;
}
