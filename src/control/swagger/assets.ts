// The files of Swagger UI, embedded in the executable, and the few of our own beside them. Nothing
// is ever fetched from another host.

import bundle from "swagger-ui-dist/swagger-ui-bundle.js" with { type: "file" };
import icon from "swagger-ui-dist/favicon-32x32.png" with { type: "file" };
import style from "swagger-ui-dist/swagger-ui.css" with { type: "file" };
import signIn from "./sign-in.page.js" with { type: "file" };

/** Below /swagger/. The same bytes as in the public package: they tell nothing about a gateway. */
export const ASSETS: Readonly<Record<string, { readonly path: string; readonly type: string }>> = {
  "swagger-ui-bundle.js": { path: bundle, type: "text/javascript; charset=utf-8" },
  "swagger-ui.css": { path: style, type: "text/css; charset=utf-8" },
  "favicon-32x32.png": { path: icon, type: "image/png" },
  "sign-in.js": { path: signIn, type: "text/javascript; charset=utf-8" },
};
