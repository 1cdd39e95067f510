// The whole page: its head, and below it either the question for the token or the dashboard.

import { Addresses } from "./addresses.tsx";
import { Backends } from "./backends.tsx";
import { Clients } from "./clients.tsx";
import { link, state } from "./connection.ts";
import { Head } from "./head.tsx";
import { SignIn } from "./sign-in.tsx";
import { Traffic } from "./traffic.tsx";

export function App() {
  return (
    <>
      <Head />
      <Body />
    </>
  );
}

function Body() {
  if (link.value === "asking") return <SignIn />;
  if (state.value === null) {
    return (
      <main class="waiting">
        <p role="status">{link.value === "lost" ? "The gateway does not answer." : "Connecting"}</p>
      </main>
    );
  }
  return (
    <main>
      <Traffic />
      <Backends />
      <div class="columns">
        <Clients />
        <Addresses />
      </div>
    </main>
  );
}
