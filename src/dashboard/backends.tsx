// The backends: who gets requests, how much of them, and why one does not.

import { effect, signal } from "@preact/signals";
import type { BackendRow } from "../control/dashboard/model.ts";
import { state } from "./connection.ts";
import { ago, amount, latency, plural, span, whole } from "./format.ts";

/** Requests so far by backend, at each of the last seconds: its ends give the traffic's shares. */
const WINDOW = 6;
let readings: { at: number; requests: Map<string, number> }[] = [];
const rates = signal<ReadonlyMap<string, number>>(new Map());

effect(() => {
  const now = state.value;
  if (now === null) return;
  const requests = new Map(now.backends.map((backend) => [backend.id, backend.requests]));
  readings = [...readings, { at: now.at, requests }].slice(-WINDOW);
  const first = readings[0]!;
  const seconds = now.at - first.at;
  rates.value = new Map(
    [...requests].map(([id, count]) => [
      id,
      // Counts start at 0 again with a new gateway.
      seconds > 0 ? Math.max(0, count - (first.requests.get(id) ?? count)) / seconds : 0,
    ]),
  );
});

export function Backends() {
  const { backends, at } = state.value!;
  const open = backends.filter((backend) => backend.state === "open").length;
  const total = [...rates.value.values()].reduce((sum, rate) => sum + rate, 0);
  return (
    <section aria-labelledby="backends">
      <div class="bar">
        <h1 id="backends">Backends</h1>
        {backends.length > 0 && (
          <span class="quiet">
            {open} of {backends.length} open
          </span>
        )}
      </div>
      {backends.length === 0 ? (
        <p class="card empty">
          No backend is configured. Set <code>BACKENDS</code> to their addresses.
        </p>
      ) : (
        <div class="card scroll" tabindex={0} role="group" aria-label="All backends">
          <table role="table" class="rows backends">
            <thead role="rowgroup">
              <tr role="row">
                <th role="columnheader">Backend</th>
                <th role="columnheader">State</th>
                <th role="columnheader">Share of traffic</th>
                <th role="columnheader" class="number">
                  Weight
                </th>
                <th role="columnheader" class="number">
                  In flight
                </th>
                <th role="columnheader" class="number">
                  Requests
                </th>
                <th role="columnheader" class="number">
                  Failures
                </th>
                <th role="columnheader">Last check</th>
              </tr>
            </thead>
            <tbody role="rowgroup">
              {backends.map((backend) => (
                <Row
                  key={backend.id}
                  backend={backend}
                  now={at}
                  rate={rates.value.get(backend.id) ?? 0}
                  total={total}
                />
              ))}
            </tbody>
          </table>
        </div>
      )}
    </section>
  );
}

interface RowProps {
  readonly backend: BackendRow;
  readonly now: number;
  readonly rate: number;
  readonly total: number;
}

function Row({ backend, now, rate, total }: RowProps) {
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

const WORDS: Readonly<Record<BackendRow["state"], readonly [string, string]>> = {
  open: ["good", "Healthy"],
  unhealthy: ["bad", "Down"],
  ejected: ["warn", "Ejected"],
  draining: ["warn", "Draining"],
  forbidden: ["bad", "Address not allowed"],
};

function State({ backend, now }: { backend: BackendRow; now: number }) {
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
