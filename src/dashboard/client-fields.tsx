// The fields of a client, each with what the gateway said about it.

import type { ClientRow } from "../control/dashboard/client-rows-model.ts";
import type { Problem } from "./connection.ts";

export function Fields({ client, problem }: { client: ClientRow | null; problem: Problem | null }) {
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
