// The main thread's end of the channel whose other end is the workers' stand-in: runs a control
// call on the service. Always answers: a call that hits a bug is reported as `unavailable`, and the
// bug goes into the log.

import type { ClientsPort, ClientsResult } from "../../shared/clients.ts";
import type { Logger } from "../../shared/log.ts";
import type { ClientsCall, ToWorker } from "../../shared/messages.ts";

type Method = (...args: readonly unknown[]) => Promise<ClientsResult<unknown>>;

export async function answerClientsCall(
  service: ClientsPort,
  { call, operation, args }: ClientsCall,
  log: Logger,
): Promise<ToWorker> {
  try {
    // The stand-in is typed by the same interface, so the arguments fit the operation.
    const result = await (service[operation] as Method).apply(service, [...args]);
    return { type: "clients-reply", call, result };
  } catch (error) {
    log.error("control call failed", { operation, error: String(error) });
    const detail = "The gateway failed to carry it out.";
    return { type: "clients-reply", call, result: { ok: false, reason: "unavailable", detail } };
  }
}
