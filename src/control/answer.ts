// The main thread's end of the channel whose other end are the workers' stand-ins: runs a control
// call on the service behind its port. Always answers: a call that hits a bug is reported as
// `unavailable`, and the bug goes into the log.

import type { ControlResult } from "../shared/control-result.ts";
import type { Logger } from "../shared/log.ts";
import type { ControlCall, ControlPorts, ToWorker } from "../shared/messages.ts";

type Method = (...args: readonly unknown[]) => Promise<ControlResult<unknown>>;

export async function answerControlCall(
  ports: ControlPorts,
  { call, port, operation, args }: ControlCall,
  log: Logger,
): Promise<ToWorker> {
  try {
    // The stand-ins are typed by the same interfaces, so operation and arguments fit the port.
    const service = ports[port] as unknown as Readonly<Record<string, Method>>;
    const result = await service[operation]!.apply(service, [...args]);
    return { type: "control-reply", call, result };
  } catch (error) {
    log.error("control call failed", { port, operation, error: String(error) });
    const detail = "The gateway failed to carry it out.";
    return { type: "control-reply", call, result: { ok: false, reason: "unavailable", detail } };
  }
}
