// The answers to calls about clients that did not happen.

import type { ClientsFailure } from "../../shared/clients.ts";
import { refuseFailure } from "../refusal.ts";

/** `clientId`: the client that the request was about. */
export function refuse(failure: ClientsFailure, clientId = ""): Response {
  return refuseFailure(failure, {
    notFound: `There is no client ${clientId}.`,
    exists: `There is a client ${clientId} already. PUT or PATCH changes it.`,
    full: "The gateway holds as many clients as it can. Delete some first.",
  });
}
