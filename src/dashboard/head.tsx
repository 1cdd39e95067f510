// The head of the page: is it up, and do these numbers still move.

import type { ComponentChildren } from "preact";
import type { StateEvent } from "../control/dashboard/model.ts";
import { link, state } from "./connection.ts";
import { ago, plural, span } from "./format.ts";
import { Icon } from "./icons.tsx";
import { isDark, toggleTheme } from "./theme.ts";

export function Head() {
  const now = link.value === "asking" ? null : state.value;
  return (
    <header class="head">
      <div class="brand">
        <img src="/-/dashboard/icon.svg" alt="" width="28" height="28" />
        <span>gateway</span>
        {now && <small class="quiet">{now.version}</small>}
      </div>
      <div class="facts">
        {now && <Facts now={now} />}
        <LinkState />
      </div>
      <a href="/swagger">API</a>
      <button
        class="icon"
        aria-label={isDark() ? "Use the light theme" : "Use the dark theme"}
        title={isDark() ? "Light" : "Dark"}
        onClick={toggleTheme}
      >
        <Icon name={isDark() ? "sun" : "moon"} />
      </button>
    </header>
  );
}

type Tone = "good" | "warn" | "bad" | "plain" | "live";

function Fact(props: { tone: Tone; title?: string; children: ComponentChildren }) {
  return (
    <span class={`fact ${props.tone}`} title={props.title}>
      {props.children}
    </span>
  );
}

function Facts({ now }: { now: StateEvent }) {
  const { workers, database } = now;
  const stale = link.value === "lost";
  const open = now.backends.filter((backend) => backend.state === "open").length;
  const flushed = database.flushed_at;
  return (
    <>
      {!stale && <Readiness phase={now.phase} open={open} />}
      <Fact tone={workers.listening < workers.wanted ? "warn" : "plain"}>
        {workers.listening < workers.wanted
          ? `${workers.listening} of ${plural(workers.wanted, "worker")}`
          : plural(workers.wanted, "worker")}
      </Fact>
      <Fact
        tone={database.up ? "plain" : "bad"}
        title={`${plural(database.pending, "changed client")} to write`}
      >
        {DATABASES[database.kind] ?? database.kind}{" "}
        {database.up
          ? flushed === null
            ? "connected"
            : `saved ${ago(now.at - flushed)}`
          : "unreachable: limits go on from memory"}
      </Fact>
      <Fact tone="plain">up {span(now.at - now.started_at)}</Fact>
    </>
  );
}

const DATABASES: Readonly<Record<string, string>> = { sqlite: "SQLite", postgres: "PostgreSQL" };

function Readiness({ phase, open }: { phase: StateEvent["phase"]; open: number }) {
  if (phase !== "ready") return <Fact tone="warn">{phase}</Fact>;
  if (open === 0) return <Fact tone="bad">No healthy backend</Fact>;
  return <Fact tone="good">Ready</Fact>;
}

/** Said aloud when it changes. */
function LinkState() {
  return (
    <span role="status" class="link">
      {link.value === "lost" && <Fact tone="bad">Connection lost, retrying</Fact>}
      {link.value === "live" && <Fact tone="live">Live</Fact>}
    </span>
  );
}
