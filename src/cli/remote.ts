// The commands that ask a running gateway, each in its own file, loaded only when it is needed.

import type { RemoteCommand } from "./command.ts";
import { RunningGateway } from "./remote/running-gateway.ts";

/** Answers with the exit code; throws `StartError`. */
export async function runRemote(command: RemoteCommand): Promise<number> {
  const gateway = await RunningGateway.of(command.remote, process.env);
  switch (command.name) {
    case "status":
      return await (await import("./remote/status.ts")).status(gateway, command);
    case "top":
      return await (await import("./remote/top.ts")).top(gateway, command);
    case "clients import":
      return await (await import("./remote/import.ts")).importClients(gateway, command);
    case "clients export":
      return await (await import("./remote/export.ts")).exportClients(gateway, command);
    case "clients list":
      return await (await import("./remote/list.ts")).listClients(gateway, command);
    default:
      return await (await import("./remote/clients.ts")).changeClients(gateway, command);
  }
}
