// How the list of clients is searched, ordered and paged.

import { next, order, orderBy, page, prefix, search, turn } from "./client-list.ts";
import { Icon } from "./icons.tsx";

const ORDERS = { id: "Name", admitted: "Most used", rejected: "Most rejected" } as const;

export function Controls() {
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

export function Pager() {
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
