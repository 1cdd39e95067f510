// The registered clients: found, ordered, paged, each with its live bucket, and what can be done
// with them.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type ClientRow as Row } from "../control/dashboard/client-rows-model.ts";
import { ClientDialog, type Editing } from "./client-dialog.tsx";
import { Controls, Pager } from "./client-controls.tsx";
import { follow, held, loaded, prefix, reload, rows, trouble } from "./client-list.ts";
import { ClientRow } from "./client-row.tsx";
import { ask, state } from "./connection.ts";
import { plural } from "./format.ts";
import { Icon } from "./icons.tsx";

const editing = signal<Editing | null>(null);
/** What the last action did, for who does not see it happen. */
const said = signal("");

export function Clients() {
  useEffect(follow, []);
  const total = state.value!.clients;
  return (
    <section aria-labelledby="clients">
      <div class="bar">
        <h1 id="clients">Clients</h1>
        <span class="quiet">{plural(total, "registered", "registered")}</span>
        <button class="primary" onClick={() => (editing.value = { kind: "create" })}>
          <Icon name="plus" /> New client
        </button>
      </div>
      <div class="card clients">
        <Controls />
        {trouble.value !== "" && (
          <p class="fault" role="alert">
            {trouble.value}
          </p>
        )}
        {rows.value.length > 0 ? <List /> : loaded.value && <Empty total={total} />}
        <Pager />
      </div>
      <p role="status" class="hidden">
        {said.value}
      </p>
      {editing.value && (
        <ClientDialog
          editing={editing.value}
          onClose={(done) => {
            editing.value = null;
            if (done === null) return;
            said.value = done;
            void reload();
          }}
        />
      )}
    </section>
  );
}

function List() {
  const hold = (on: boolean) => () => void (held.value = on);
  return (
    <table role="table" class="rows">
      <thead role="rowgroup">
        <tr role="row">
          <th role="columnheader">Client</th>
          <th role="columnheader">Tokens</th>
          <th role="columnheader" class="number">
            Admitted
          </th>
          <th role="columnheader" class="number">
            Rejected
          </th>
          <th role="columnheader">
            <span class="hidden">Actions</span>
          </th>
        </tr>
      </thead>
      <tbody
        role="rowgroup"
        onMouseEnter={hold(true)}
        onMouseLeave={hold(false)}
        onFocusCapture={hold(true)}
        onBlurCapture={hold(false)}
      >
        {rows.value.map((row) => (
          <ClientRow
            key={row.client_id}
            row={row}
            onEdit={() => (editing.value = { kind: "edit", client: row })}
            onRemove={() => (editing.value = { kind: "remove", client: row })}
            onReset={() => void reset(row)}
          />
        ))}
      </tbody>
    </table>
  );
}

async function reset({ client_id }: Row): Promise<void> {
  try {
    await ask("POST", `/clients/${encodeURIComponent(client_id)}/reset`);
    said.value = `${client_id} has a full bucket.`;
  } catch (error) {
    trouble.value = (error as Error).message;
  }
  await reload();
}

function Empty({ total }: { total: number }) {
  if (total === 0) {
    return (
      <p class="empty">
        No client is registered yet. Until one is, each address has an anonymous bucket of its own.
      </p>
    );
  }
  return (
    <p class="empty">{prefix.value ? `No id begins with ${prefix.value}.` : "Nothing here."}</p>
  );
}
