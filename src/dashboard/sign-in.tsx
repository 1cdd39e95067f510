// Asks for the admin token of a gateway that has one.

import { useEffect, useRef } from "preact/hooks";
import { refusal, signIn } from "./connection.ts";

export function SignIn() {
  const field = useRef<HTMLInputElement>(null);
  // The attribute `autofocus` would count once a page, not when it asks again after a wrong token.
  useEffect(() => field.current!.focus(), []);
  return (
    <main class="sign-in">
      <form
        class="card"
        onSubmit={(event) => {
          event.preventDefault();
          const given = new FormData(event.currentTarget).get("token") as string;
          signIn(given.trim());
        }}
      >
        <h1>Sign in</h1>
        <p class="quiet">
          This gateway was started with an admin token (<code>ADMIN_TOKEN</code>). It stays in this
          page’s memory and is asked for again after a reload.
        </p>
        <label class="field">
          Admin token
          <input
            name="token"
            type="password"
            autocomplete="off"
            required
            ref={field}
            aria-invalid={refusal.value !== ""}
            aria-describedby="refusal"
          />
        </label>
        <p id="refusal" class="fault" role="alert">
          {refusal.value}
        </p>
        <button class="primary">Open the dashboard</button>
      </form>
    </main>
  );
}
