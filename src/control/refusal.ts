// How the control routes say no: a refusal is thrown by the hooks that cannot return an answer
// (Elysia's parse and transform), and `answerError` turns whatever was thrown into problem+json.
// No message of an unexpected error ever reaches the client.

import { ValidationError } from "elysia";
import { ClientLeft } from "../shared/client-left.ts";
import type { ControlFailure, FieldError } from "../shared/control-result.ts";
import type { Logger } from "../shared/log.ts";
import { problem } from "../shared/problem.ts";
import { describeErrors } from "./validation.ts";

/** Ends the handling of a control request with a problem answer; 400 to 499. */
export class Refusal extends Error {
  readonly status: number;
  readonly title: string;

  constructor(status: number, title: string, detail: string) {
    super(detail);
    this.status = status;
    this.title = title;
  }

  toResponse(): Response {
    return problem(this.status, { title: this.title, detail: this.message });
  }
}

/** 422: the request was understood, its fields were not acceptable. */
export class InvalidFields extends Refusal {
  readonly fields: readonly FieldError[];

  constructor(fields: readonly FieldError[]) {
    super(422, "Invalid Fields", "Some fields are not acceptable; errors names each.");
    this.fields = fields;
  }

  override toResponse(): Response {
    return invalidFields(this.fields);
  }
}

export function invalidFields(fields: readonly FieldError[]): Response {
  return problem(422, {
    title: "Invalid Fields",
    detail: sentence(fields),
    errors: fields,
  });
}

/** What differs between the things that control calls are about: a sentence for each refusal. */
export interface FailureDetails {
  readonly notFound: string;
  readonly exists: string;
  readonly full: string;
}

/** The answer to a control call that did not happen. */
export function refuseFailure(failure: ControlFailure, details: FailureDetails): Response {
  switch (failure.reason) {
    case "not_found":
      return problem(404, { title: "Not Found", detail: details.notFound });
    case "exists":
      return problem(409, { title: "Conflict", detail: details.exists });
    case "invalid":
      return invalidFields(failure.fields);
    case "unavailable":
      return problem(
        503,
        { title: "Service Unavailable", detail: failure.detail },
        { "retry-after": "1" },
      );
    case "full":
      return problem(507, { title: "Insufficient Storage", detail: details.full });
  }
}

/** All messages in one line. */
export function sentence(fields: readonly FieldError[]): string {
  return fields.map(({ field, message }) => (field ? `${field} ${message}` : message)).join("; ");
}

/** 405 with `Allow` (RFC 9110 §15.5.6). HEAD goes wherever GET does. */
export function methodNotAllowed(...allowed: readonly string[]) {
  const allow = allowed.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
  return ({ request }: { request: Request }): Response =>
    problem(
      405,
      {
        title: "Method Not Allowed",
        detail: `${request.method} is not possible here; ${allow.join(", ")} ${allow.length > 1 ? "are" : "is"}.`,
      },
      { allow: allow.join(", ") },
    );
}

/** The one error handler of the control routes. */
export function answerError(log: Logger) {
  return ({ code, error, path }: { code: unknown; error: unknown; path: string }): Response => {
    // Elysia wraps what a parser throws.
    const thrown = code === "PARSE" && error instanceof Error ? error.cause : error;
    if (thrown instanceof Refusal) return thrown.toResponse();
    if (error instanceof ValidationError) {
      // Only ids are parameters: what cannot be an id cannot be there.
      if (error.type === "params") {
        return noSuchRoute(
          path.startsWith("/clients/")
            ? "No client can have this client_id."
            : "No backend can have this id.",
        );
      }
      return invalidFields(describeErrors(error.all as never));
    }
    if (code === "NOT_FOUND") return noSuchRoute("There is no control route with this path.");
    if (thrown instanceof ClientLeft) {
      log.debug("the client has left before its request was read", { path });
      // Nobody reads it; the status is nginx's word for that.
      return new Response(null, { status: 499 });
    }
    log.error("a control route failed", {
      path,
      error: error instanceof Error ? (error.stack ?? error.message) : String(error),
    });
    return problem(500, {
      title: "Internal Server Error",
      detail: "The gateway failed to answer; its log says why.",
    });
  };
}

function noSuchRoute(detail: string): Response {
  return problem(404, { title: "Not Found", detail });
}
