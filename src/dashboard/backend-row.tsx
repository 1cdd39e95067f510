// One backend: whether it gets requests and why not, its share of the traffic, its last check.

import type { BackendRow as Backend } from "../control/dashboard/model.ts";
import { ago, amount, latency, plural, span, whole } from "./format.ts";

interface BackendRowProps {
  readonly backend: Backend;
  readonly now: number;
  readonly rate: number;
  readonly total: number;
}

export function BackendRow({ backend, now, rate, total }: BackendRowProps) {
  const { last_check: check, max_in_flight: limit } = backend;
  const share = total === 0 ? 0 : rate / total;
  return (
    <tr role="row">
      <td role="cell" class="name">
        {backend.url}
      </td>
      <td role="cell">
        <State backend={backend} now={now} />
      </td>
      <td role="cell" data-label="Share">
        <span class="share">
          <span class="track">
            <span class="fill" style={{ "--fill": `${share}` }} />
          </span>
          <span class="number">{total === 0 ? "–" : `${Math.round(share * 100)} %`}</span>
          <span class="quiet">{amount(rate)}/s</span>
        </span>
      </td>
      <td role="cell" class="number" data-label="Weight">
        {backend.weight}
        {backend.share < 100 && <small class="quiet"> at {backend.share} %</small>}
      </td>
      <td role="cell" class="number" data-label="In flight">
        {whole(backend.in_flight)}
        {limit !== null && <small class="quiet"> of {whole(limit)}</small>}
      </td>
      <td role="cell" class="number" data-label="Requests">
        {amount(backend.requests)}
      </td>
      <td role="cell" class="number" data-label="Failures">
        {amount(backend.failures)}
      </td>
      <td role="cell" class="check">
        {check === null ? (
          <span class="quiet">not yet</span>
        ) : (
          <>
            <span class={check.ok ? "" : "fault"}>{check.detail}</span>{" "}
            <span class="quiet">
              {latency(check.duration_ms)}, {ago(now - check.at)}
            </span>
          </>
        )}
      </td>
    </tr>
  );
}

const WORDS: Readonly<Record<Backend["state"], readonly [string, string]>> = {
  open: ["good", "Healthy"],
  unhealthy: ["bad", "Down"],
  ejected: ["warn", "Ejected"],
  draining: ["warn", "Draining"],
  forbidden: ["bad", "Address not allowed"],
};

function State({ backend, now }: { backend: Backend; now: number }) {
  const [tone, word] = WORDS[backend.state];
  const { ejected_until: until, since } = backend;
  const more =
    backend.state === "ejected" && until !== null
      ? `back in ${span(Math.max(1, until - now))}`
      : backend.state === "unhealthy" && since !== null
        ? `for ${span(now - since)}`
        : backend.state === "draining"
          ? plural(backend.in_flight, "request") + " left"
          : "";
  return (
    <span class="state">
      <span class={`fact ${tone}`}>{word}</span>
      {more && <small class="quiet">{more}</small>}
    </span>
  );
}
