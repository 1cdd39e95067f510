// The dialogs that create, edit and delete a client. The gateway judges the fields; what it says
// about one stands below it.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ClientRow } from "../control/dashboard/model.ts";
import { ask, Problem } from "./connection.ts";

export type Editing =
  { readonly kind: "create" } | { readonly kind: "edit" | "remove"; readonly client: ClientRow };

interface DialogProps {
  readonly editing: Editing;
  /** With a sentence about what was done; null when nothing was. */
  readonly onClose: (done: string | null) => void;
}

export function ClientDialog({ editing, onClose }: DialogProps) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [problem, setProblem] = useState<Problem | null>(null);
  const [busy, setBusy] = useState(false);
  useEffect(() => dialog.current!.showModal(), []);

  const submit = async (event: SubmitEvent): Promise<void> => {
    event.preventDefault();
    setBusy(true);
    try {
      const done = await send(editing, new FormData(event.target as HTMLFormElement));
      onClose(done);
    } catch (error) {
      setProblem(error instanceof Problem ? error : new Problem(0, String(error)));
      setBusy(false);
    }
  };

  return (
    <dialog ref={dialog} aria-labelledby="dialog-title" onClose={() => onClose(null)}>
      <form onSubmit={(event) => void submit(event)} noValidate>
        {editing.kind === "remove" ? (
          <Removal client={editing.client} />
        ) : (
          <Fields client={editing.kind === "edit" ? editing.client : null} problem={problem} />
        )}
        <p class="fault" role="alert">
          {problem !== null && problem.fields.size === 0 && problem.message}
        </p>
        <div class="buttons">
          <button type="button" onClick={() => dialog.current!.close()}>
            Cancel
          </button>
          <button class={editing.kind === "remove" ? "danger" : "primary"} disabled={busy}>
            {{ create: "Create", edit: "Save", remove: "Delete" }[editing.kind]}
          </button>
        </div>
      </form>
    </dialog>
  );
}

/** Resolves with what was done; rejects with a `Problem`. */
async function send(editing: Editing, form: FormData): Promise<string> {
  if (editing.kind === "remove") {
    const { client_id } = editing.client;
    await ask("DELETE", `/clients/${encodeURIComponent(client_id)}`);
    return `${client_id} is deleted.`;
  }
  const text = (name: string): string => (form.get(name) as string).trim();
  const tokens = text("current_tokens");
  const limits = {
    capacity: number(text("capacity")),
    rate_per_sec: number(text("rate_per_sec")),
    ...(tokens === "" ? {} : { current_tokens: number(tokens) }),
  };
  if (editing.kind === "edit") {
    const { client_id } = editing.client;
    await ask("PUT", `/clients/${encodeURIComponent(client_id)}`, limits);
    return `${client_id} is changed.`;
  }
  const client_id = text("client_id");
  await ask("POST", "/clients", { client_id, ...limits });
  return `${client_id} is created.`;
}

/** What is no number goes as it is, so that the gateway can say so. */
function number(text: string): number | string {
  return text !== "" && Number.isFinite(Number(text)) ? Number(text) : text;
}

function Removal({ client }: { client: ClientRow }) {
  return (
    <>
      <h2 id="dialog-title">Delete {client.client_id}?</h2>
      <p>Its requests are then limited by their address, like everyone’s without a client.</p>
    </>
  );
}

function Fields({ client, problem }: { client: ClientRow | null; problem: Problem | null }) {
  const fault = (name: string): string => problem?.fields.get(name) ?? "";
  return (
    <>
      <h2 id="dialog-title">{client ? `Limit of ${client.client_id}` : "New client"}</h2>
      {client === null && (
        <Field
          name="client_id"
          label="Client id"
          hint="Requests name it: ?client_id=…"
          fault={fault("client_id")}
          focus
        />
      )}
      <Field
        name="capacity"
        label="Capacity"
        hint="Tokens, the largest burst"
        value={client?.capacity ?? 100}
        fault={fault("capacity")}
        focus={client !== null}
      />
      <Field
        name="rate_per_sec"
        label="Refill"
        hint="Tokens per second"
        value={client?.rate_per_sec ?? 10}
        fault={fault("rate_per_sec")}
      />
      <Field
        name="current_tokens"
        label="Tokens now"
        hint={client ? "Empty: the fraction that is left stays" : "Empty: a full bucket"}
        fault={fault("current_tokens")}
      />
    </>
  );
}

interface FieldProps {
  readonly name: string;
  readonly label: string;
  readonly hint: string;
  readonly fault: string;
  readonly value?: number;
  readonly focus?: boolean;
}

function Field({ name, label, hint, fault, value, focus = false }: FieldProps) {
  return (
    <label class="field">
      {label}
      <input
        name={name}
        defaultValue={value}
        inputMode={name === "client_id" ? "text" : "decimal"}
        autocomplete="off"
        spellcheck={false}
        autofocus={focus}
        aria-invalid={fault !== ""}
        aria-describedby={`${name}-hint`}
      />
      <small id={`${name}-hint`} class={fault === "" ? "quiet" : "fault"}>
        {fault === "" ? hint : fault}
      </small>
    </label>
  );
}
