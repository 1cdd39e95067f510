// The page itself: a shell without any data and the files it needs, all from the gateway. The shell
// and the files are the same for every gateway of a version, so with a token they are open: the
// page must be there to ask for the token.

import { problem } from "../../shared/problem.ts";

/** Below /-/dashboard/. */
export const ASSET_NAMES = ["page.js", "page.css", "icon.svg"] as const;

const POLICY =
  "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
  "base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/** `withToken`: the page asks for the admin token before it asks for anything else. */
export function shell(withToken: boolean): Response {
  const html = `<!doctype html>
<html lang="en"${withToken ? ' data-token="wanted"' : ""}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Gateway</title>
<link rel="icon" href="/-/dashboard/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/-/dashboard/page.css">
<script type="module" src="/-/dashboard/page.js"></script>
</head>
<body><noscript>The dashboard needs JavaScript. The same numbers are at /-/metrics.</noscript></body>
</html>
`;
  return new Response(html, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "content-security-policy": POLICY,
      "referrer-policy": "no-referrer",
    },
  });
}

interface Asset {
  readonly type: string;
  readonly tag: string;
  readonly plain: Uint8Array<ArrayBuffer>;
  readonly zipped: Uint8Array<ArrayBuffer>;
}

let assets: Promise<ReadonlyMap<string, Asset>> | undefined;

/** Answers with a file of the page, compressed for who takes that, 304 for who has it. */
export async function asset(name: string, request: Request): Promise<Response> {
  // Most workers are never asked for the page, and need not have it.
  assets ??= prepare();
  const found = (await assets).get(name);
  if (!found) {
    return problem(404, { title: "Not Found", detail: "There is no such file of the dashboard." });
  }
  const zip = /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  const headers = new Headers({
    "cache-control": "private, no-cache",
    etag: found.tag,
    vary: "accept-encoding",
  });
  if (request.headers.get("if-none-match") === found.tag) {
    return new Response(null, { status: 304, headers });
  }
  headers.set("content-type", found.type);
  if (zip) headers.set("content-encoding", "gzip");
  return new Response(zip ? found.zipped : found.plain, { headers });
}

async function prepare(): Promise<ReadonlyMap<string, Asset>> {
  const { FILES } = await import("../../dashboard/files.ts");
  return new Map(
    Object.entries(FILES).map(([name, { text, type }]) => {
      const plain = new TextEncoder().encode(text);
      const tag = `W/"${Bun.hash(plain).toString(36)}"`;
      return [name, { type, tag, plain, zipped: Bun.gzipSync(plain, { level: 9 }) }];
    }),
  );
}
