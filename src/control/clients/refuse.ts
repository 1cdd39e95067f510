// The answers to calls about clients that did not happen.

import type { ClientsFailure } from "../../shared/clients.ts";
import { problem } from "../../shared/problem.ts";
import { invalidFields } from "../refusal.ts";

/** `clientId`: the client that the request was about. */
export function refuse(failure: ClientsFailure, clientId = ""): Response {
  switch (failure.reason) {
    case "not_found":
      return problem(404, { title: "Not Found", detail: `There is no client ${clientId}.` });
    case "exists":
      return problem(409, {
        title: "Conflict",
        detail: `There is a client ${clientId} already. PUT or PATCH changes it.`,
      });
    case "invalid":
      return invalidFields(failure.fields);
    case "unavailable":
      return problem(
        503,
        { title: "Service Unavailable", detail: failure.detail },
        { "retry-after": "1" },
      );
    case "full":
      return problem(507, {
        title: "Insufficient Storage",
        detail: "The gateway holds as many clients as it can. Delete some first.",
      });
  }
}
