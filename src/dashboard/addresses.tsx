// The busiest addresses among those without a registered client.

import { useEffect, useState } from "preact/hooks";
import type { BusyAddress, Top, TopBy } from "../shared/usage.ts";
import { ask, link, state } from "./connection.ts";
import { amount, ago, plural } from "./format.ts";

const SHOWN = 10;
const REFRESH_MS = 3000;

export function Addresses() {
  const [by, order] = useState<TopBy>("admitted");
  const [busy, setBusy] = useState<readonly BusyAddress[]>([]);
  const { anonymous, at } = state.value!;

  useEffect(() => {
    let current = true;
    const refresh = async (): Promise<void> => {
      if (document.hidden || link.peek() !== "live") return;
      try {
        const top = await ask<Top>("GET", `/-/top?by=${by}&limit=${SHOWN}`);
        if (current) setBusy(top.addresses);
      } catch {
        // The old list stays; the page's head says what is wrong.
      }
    };
    void refresh();
    const timer = setInterval(() => void refresh(), REFRESH_MS);
    return () => {
      current = false;
      clearInterval(timer);
    };
  }, [by]);

  const most = Math.max(1, ...busy.map((address) => address[by]));
  return (
    <section aria-labelledby="addresses">
      <div class="bar">
        <h1 id="addresses">Anonymous</h1>
        <fieldset class="choice">
          <legend class="hidden">Busiest addresses by</legend>
          {(["admitted", "rejected"] as const).map((name) => (
            <label key={name}>
              <input type="radio" name="by" checked={by === name} onChange={() => order(name)} />
              <span>{name}</span>
            </label>
          ))}
        </fieldset>
      </div>
      <div class="card addresses">
        <p class="quiet">
          {plural(anonymous.entries, "address", "addresses")} with a bucket
          {anonymous.overflows > 0 && `, ${amount(anonymous.overflows)} takes from shared ones`}
        </p>
        {busy.length === 0 ? (
          <p class="empty">No request without a registered client so far.</p>
        ) : (
          <ol>
            {busy.map((address) => (
              <li key={address.address}>
                <span class="name">{address.address}</span>
                <span class="quiet">{ago(at - Date.parse(address.last_seen) / 1000)}</span>
                <span class="track">
                  <span class={`fill ${by}`} style={{ "--fill": `${address[by] / most}` }} />
                </span>
                <span class="quiet">
                  {amount(address.admitted)} admitted, {amount(address.rejected)} rejected
                </span>
              </li>
            ))}
          </ol>
        )}
      </div>
    </section>
  );
}
