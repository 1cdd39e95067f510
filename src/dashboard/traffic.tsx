// Traffic: what is going on in this second, and the last minutes as plots.

import { useState } from "preact/hooks";
import { amount, latency } from "./format.ts";
import { covered, latest } from "./history.ts";
import { Plot } from "./plot.tsx";

const REQUESTS = [
  { label: "admitted", colour: "--admitted", column: 1, filled: true },
  { label: "rejected", colour: "--limited", column: 2, filled: true, rare: true },
  { label: "failed", colour: "--failed", column: 4, rare: true },
] as const;
const LATENCY = [
  { label: "p50", colour: "--p50", column: 5, filled: true },
  { label: "p99", colour: "--p99", column: 6 },
] as const;
const RANGES = [1, 5, 15] as const;

export function Traffic() {
  const [chosen, choose] = useState<number | null>(null);
  // The shortest that shows all there is: a young history would be a sliver at the edge.
  const fitting = RANGES.find((minutes) => covered() < minutes * 60 - 5) ?? 15;
  const minutes = chosen ?? fitting;
  return (
    <section aria-labelledby="traffic">
      <div class="bar">
        <h1 id="traffic">Traffic</h1>
        <fieldset class="choice">
          <legend class="hidden">Time shown</legend>
          {RANGES.map((range) => (
            <label key={range}>
              <input
                type="radio"
                name="range"
                checked={range === minutes}
                onChange={() => choose(range)}
              />
              <span>{range} min</span>
            </label>
          ))}
        </fieldset>
      </div>
      <Tiles />
      <div class="plots">
        <Plot
          title="Requests per second"
          series={REQUESTS}
          seconds={minutes * 60}
          format={amount}
          least={10}
        />
        <Plot
          title="Time to the backend’s answer"
          series={LATENCY}
          seconds={minutes * 60}
          format={latency}
          least={1}
        />
      </div>
    </section>
  );
}

function Tiles() {
  const row = latest.value ?? [0, 0, 0, 0, 0, null, null, 0];
  const [, admitted, limited, refused, failed, p50, p99, inFlight] = row;
  return (
    <dl class="tiles">
      <Tile name="Admitted" unit="/s" value={amount(admitted)} colour="--admitted" />
      <Tile name="Rejected 429" unit="/s" value={amount(limited)} colour="--limited" />
      <Tile name="Failed 5xx" unit="/s" value={amount(failed)} colour="--failed" />
      <Tile name="Refused otherwise" unit="/s" value={amount(refused)} />
      <Tile name="p50" value={latency(p50)} colour="--p50" />
      <Tile name="p99" value={latency(p99)} colour="--p99" />
      <Tile name="In flight" value={amount(inFlight)} />
    </dl>
  );
}

function Tile(props: { name: string; value: string; unit?: string; colour?: string }) {
  return (
    <div class="card tile" data-tile={props.name}>
      <dt>
        {props.colour && <i style={{ background: `var(${props.colour})` }} />}
        {props.name}
      </dt>
      <dd>
        {props.value}
        {props.unit && <small>{props.unit}</small>}
      </dd>
    </div>
  );
}
