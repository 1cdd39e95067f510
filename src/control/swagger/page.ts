// The two pages at /swagger. @elysiajs/swagger renders its page with scripts from a public CDN;
// `localPage` points them at the embedded files. `signInPage` is what a browser sees when a token
// is set: the refusal itself (401), with a form that gets further.

import { createHash } from "node:crypto";

/** Shared by both pages. The validator badge would send the document to a public service. */
export const UI_OPTIONS = {
  validatorUrl: "none",
  displayRequestDuration: true,
  docExpansion: "list",
} as const;

const ICON = '<link rel="icon" type="image/png" href="/swagger/favicon-32x32.png" />';

/** Swagger UI is made for wide windows. The column of links is empty: the document has none. */
const NARROW = `<style>
        @media (width < 44rem) {
            #swagger-ui .wrapper { padding: 0 .5rem }
            #swagger-ui .opblock-tag { flex-wrap: wrap }
            #swagger-ui .opblock-tag > small { flex: 1 1 100%; order: 1; padding: 0 }
            #swagger-ui .opblock-tag > button { margin-left: auto }
            #swagger-ui .microlight code { word-break: normal; overflow-wrap: anywhere }
            #swagger-ui .response-col_links { display: none }
        }
    </style>`;

/** Everything comes from the gateway itself, and no other page may frame it. */
function htmlHeaders(scripts: string): Record<string, string> {
  return {
    "content-type": "text/html; charset=utf-8",
    // Swagger UI writes style attributes and data: images.
    "content-security-policy":
      `default-src 'none'; script-src ${scripts}; style-src 'self' 'unsafe-inline'; ` +
      "img-src 'self' data:; font-src 'self'; connect-src 'self'; base-uri 'none'; " +
      "form-action 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
  };
}

/** Takes the page of @elysiajs/swagger. Throws when a later version of it cannot be made local. */
export function localPage(html: string): { readonly html: string; readonly headers: HeadersInit } {
  const local = html
    .replace(/https:\/\/unpkg\.com\/swagger-ui-dist@[^/"]+\//g, "/swagger/")
    .replace("</head>", `    ${ICON}\n    ${NARROW}\n</head>`);
  const inline = [...local.matchAll(/<script>([\s\S]*?)<\/script>/g)].map((match) => match[1]!);
  if (/https?:\/\//.test(local) || inline.length !== 1) {
    throw new Error("the Swagger page refers to other hosts");
  }
  const hash = createHash("sha256").update(inline[0]!).digest("base64");
  return { html: local, headers: htmlHeaders(`'self' 'sha256-${hash}'`) };
}

export function signInPage(): Response {
  const options = JSON.stringify(UI_OPTIONS).replaceAll('"', "&quot;");
  const html = `<!DOCTYPE html>
<html lang="en">
<head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <title>Gateway: sign in</title>
    ${ICON}
    <style>
        main { font: 16px/1.5 system-ui, sans-serif; max-width: 26rem; margin: 18vh auto; padding: 0 1rem }
        input, button { font: inherit; padding: .4rem .6rem; box-sizing: border-box }
        input { width: 100%; margin: .3rem 0 .8rem }
        #note { min-height: 1.5em }
    </style>
</head>
<body data-options="${options}">
    <main>
        <h1>Gateway</h1>
        <p>This gateway was started with an admin token (ADMIN_TOKEN). Its control routes need it;
        programs send it as <code>Authorization: Bearer &lt;token&gt;</code>.</p>
        <form>
            <label>Admin token <input name="token" type="password" autocomplete="off" required autofocus /></label>
            <button>Open the API</button>
        </form>
        <p id="note" role="alert"></p>
    </main>
    <div id="swagger-ui"></div>
    <script src="/swagger/sign-in.js"></script>
</body>
</html>`;
  return new Response(html, {
    status: 401,
    headers: { ...htmlHeaders("'self'"), "www-authenticate": 'Bearer realm="gateway"' },
  });
}
