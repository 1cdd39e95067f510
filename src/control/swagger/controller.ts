// Swagger UI and the OpenAPI document. @elysiajs/swagger makes both, inside an application that
// only describes and never listens: mounted directly, its page would bypass the access check (a
// static answer skips hooks) and load scripts from a public CDN.

import { type AnyElysia, Elysia } from "elysia";
import { swagger } from "@elysiajs/swagger";
import { problem } from "../../shared/problem.ts";
import { methodNotAllowed } from "../refusal.ts";
import { ASSETS } from "./assets.ts";
import { documentation, type DocumentOptions } from "./document.ts";
import { localPage, UI_OPTIONS } from "./page.ts";

export interface SwaggerControllerOptions extends DocumentOptions {
  /** The controllers to describe. */
  readonly controllers: readonly AnyElysia[];
}

const hidden = { detail: { hide: true }, parse: "none" as const };

export function swaggerController(options: SwaggerControllerOptions) {
  const pages = describe(options);
  return new Elysia()
    .get("/swagger", async () => {
      const { html, headers } = (await pages()).page;
      return new Response(html, { headers });
    })
    .get("/swagger/json", async () => {
      const { document } = await pages();
      return new Response(document, { headers: { "content-type": "application/json" } });
    })
    .get("/swagger/:asset", ({ params }) => asset(params.asset))
    .all("/swagger", methodNotAllowed("GET"), hidden)
    .all("/swagger/:asset", methodNotAllowed("GET"), hidden);
}

interface Pages {
  readonly page: { readonly html: string; readonly headers: HeadersInit };
  readonly document: string;
}

/** Made when first asked for: most workers never are. */
function describe(options: SwaggerControllerOptions): () => Promise<Pages> {
  let made: Promise<Pages> | undefined;
  return () => (made ??= render(options));
}

async function render({ controllers, ...about }: SwaggerControllerOptions): Promise<Pages> {
  const app = new Elysia({ normalize: false });
  for (const controller of controllers) app.use(controller);
  app.use(
    swagger({
      provider: "swagger-ui",
      path: "/swagger",
      theme: "/swagger/swagger-ui.css",
      swaggerOptions: UI_OPTIONS,
      documentation: documentation(about),
    }),
  );
  const get = async (path: string): Promise<string> =>
    (await app.handle(new Request(`http://localhost${path}`))).text();
  return { page: localPage(await get("/swagger")), document: await get("/swagger/json") };
}

function asset(name: string): Response {
  const file = Object.hasOwn(ASSETS, name) ? ASSETS[name] : undefined;
  if (!file) {
    return problem(404, { title: "Not Found", detail: "There is no such file of Swagger UI." });
  }
  return new Response(Bun.file(file.path), {
    headers: { "content-type": file.type, "cache-control": "private, max-age=3600" },
  });
}
