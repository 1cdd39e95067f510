// One client: its limit, its bucket as a gauge that moves, its totals, and the actions.

import type { ClientRow as Client } from "../control/dashboard/client-rows-model.ts";
import { rates } from "./client-list.ts";
import { amount, span, whole } from "./format.ts";
import { Icon } from "./icons.tsx";

export interface ClientRowProps {
  readonly row: Client;
  readonly onEdit: () => void;
  readonly onRemove: () => void;
  readonly onReset: () => void;
}

export function ClientRow({ row, onEdit, onRemove, onReset }: ClientRowProps) {
  const { client_id: id, capacity, rate_per_sec: refill } = row;
  const rate = rates.value.get(id);
  return (
    <tr role="row" data-client={id}>
      <td role="cell" class="name">
        {id}
        <small class="quiet">
          {amount(capacity)} tokens, {amount(refill)}/s
          {row.idle !== null && row.idle > 60 && `, idle ${span(row.idle)}`}
        </small>
      </td>
      <td role="cell" class="bucket">
        <Gauge row={row} />
      </td>
      <td role="cell" class="number" data-label="Admitted">
        {whole(row.admitted)}
        <Rate value={rate?.admitted ?? 0} />
      </td>
      <td role="cell" class="number" data-label="Rejected">
        {whole(row.rejected)}
        <Rate value={rate?.rejected ?? 0} tone="limited" />
      </td>
      <td role="cell" class="actions">
        <button
          class="icon"
          aria-label={`Refill ${id}`}
          title="Refill and count anew"
          onClick={onReset}
        >
          <Icon name="refill" />
        </button>
        <button class="icon" aria-label={`Edit ${id}`} title="Edit" onClick={onEdit}>
          <Icon name="edit" />
        </button>
        <button class="icon" aria-label={`Delete ${id}`} title="Delete" onClick={onRemove}>
          <Icon name="remove" />
        </button>
      </td>
    </tr>
  );
}

function Gauge({ row: { client_id, tokens, capacity, rate_per_sec } }: { row: Client }) {
  const left = tokens / capacity;
  const tone = tokens < 1 ? "empty" : left < 0.25 ? "low" : "";
  const missing = capacity - tokens;
  return (
    <span
      class="gauge"
      role="meter"
      aria-label={`Tokens of ${client_id}`}
      aria-valuemin={0}
      aria-valuemax={capacity}
      aria-valuenow={tokens}
      aria-valuetext={`${whole(Math.floor(tokens))} of ${whole(capacity)}`}
      title={missing < 1 ? "full" : `full again in ${span(missing / rate_per_sec)}`}
    >
      <span class="track">
        <span class={`fill ${tone}`} style={{ "--fill": `${left}` }} />
      </span>
      <span class="number">{amount(Math.floor(tokens))}</span>
    </span>
  );
}

function Rate({ value, tone = "" }: { value: number; tone?: string }) {
  return (
    <small class={`rate ${value > 0 ? tone : "none"}`}>
      {value > 0 ? `+${amount(Math.max(0.1, value))}/s` : "0/s"}
    </small>
  );
}
