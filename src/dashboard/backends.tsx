// The backends: who gets requests, how much of them, and why one does not.

import { effect, signal } from "@preact/signals";
import { BackendRow } from "./backend-row.tsx";
import { state } from "./connection.ts";

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
                <BackendRow
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
