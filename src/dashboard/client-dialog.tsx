// The dialogs that create, edit and delete a client. The gateway judges the fields; what it says
// about one stands below it.

import { useEffect, useRef, useState } from "preact/hooks";
import type { ClientRow } from "../control/dashboard/client-rows-model.ts";
import { Fields } from "./client-fields.tsx";
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
