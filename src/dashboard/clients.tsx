// The registered clients: found, ordered, paged, each with its live bucket, and what can be done
// with them.

import { signal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { type ClientRow as Row } from "../control/dashboard/model.ts";
import { ClientDialog, type Editing } from "./client-dialog.tsx";
import {
  follow,
  held,
  loaded,
  next,
  order,
  orderBy,
  page,
  prefix,
  reload,
  rows,
  search,
  trouble,
  turn,
} from "./client-list.ts";
import { ClientRow } from "./client-row.tsx";
import { ask, state } from "./connection.ts";
import { plural } from "./format.ts";
import { Icon } from "./icons.tsx";

const editing = signal<Editing | null>(null);
/** What the last action did, for who does not see it happen. */
const said = signal("");

const ORDERS = { id: "Name", admitted: "Most used", rejected: "Most rejected" } as const;

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

function Controls() {
  return (
    <div class="controls">
      <label class="search">
        <span class="hidden">Find clients whose id begins with</span>
        <Icon name="search" />
        <input
          type="search"
          placeholder="Id begins with"
          value={prefix.value}
          maxlength={128}
          spellcheck={false}
          autocomplete="off"
          // Other characters are in no id.
          onInput={(event) => search(event.currentTarget.value.replace(/[^A-Za-z0-9._:@-]/g, ""))}
        />
      </label>
      <fieldset class="choice">
        <legend class="hidden">Order</legend>
        {(["id", "admitted", "rejected"] as const).map((name) => (
          <label key={name}>
            <input
              type="radio"
              name="order"
              checked={order.value === name}
              onChange={() => orderBy(name)}
            />
            <span>{ORDERS[name]}</span>
          </label>
        ))}
      </fieldset>
    </div>
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

function Pager() {
  if (page.value === 1 && next.value === null) return null;
  return (
    <nav class="pager" aria-label="Pages of clients">
      <button
        class="icon"
        aria-label="Page before"
        disabled={page.value === 1}
        onClick={() => turn(false)}
      >
        <Icon name="left" />
      </button>
      <span class="quiet">Page {page.value}</span>
      <button
        class="icon"
        aria-label="Next page"
        disabled={next.value === null}
        onClick={() => turn(true)}
      >
        <Icon name="right" />
      </button>
    </nav>
  );
}
