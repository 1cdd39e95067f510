// The finished files of the page. Import it when they are needed, not before: from source this is
// the moment they are built.

import { bundlePage } from "./bundle.ts" with { type: "macro" };
import icon from "./icon.svg" with { type: "text" };

const { script, style } = bundlePage();

/** By name below /-/dashboard/. */
export const FILES: Readonly<Record<string, { readonly text: string; readonly type: string }>> = {
  "page.js": { text: script, type: "text/javascript; charset=utf-8" },
  "page.css": { text: style, type: "text/css; charset=utf-8" },
  "icon.svg": { text: icon, type: "image/svg+xml" },
};
