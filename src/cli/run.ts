// Reads the command line and runs one command. What can be expected to go wrong ends in one clear
// line, without a stack trace.

import pkg from "../../package.json" with { type: "json" };
import { EXIT, StartError } from "../shared/start-error.ts";
import { parseArguments, type Command } from "./arguments.ts";
import { forgetProxies, raiseRequestLimit } from "./environment.ts";
import { helpText } from "./help.ts";

/** Resolves with the exit code. `args`: what follows the executable's name. */
export async function run(args: readonly string[]): Promise<number> {
  const parsed = parseArguments(args);
  if (!parsed.ok) {
    const about = ["gateway", parsed.topic, "--help"].filter(Boolean).join(" ");
    console.error(`gateway: ${parsed.message}\nTry ${about}.`);
    return EXIT.usage;
  }
  try {
    return await runCommand(parsed.command);
  } catch (error) {
    if (error instanceof StartError) {
      for (const line of error.message.split("\n")) console.error(`gateway: ${line}`);
      return error.exitCode;
    }
    // A bug: here the stack is what its reader needs.
    console.error("gateway: internal error:", error);
    return EXIT.software;
  }
}

async function runCommand(command: Command): Promise<number> {
  forgetProxies();
  switch (command.name) {
    case "help":
      return help(command.topic);
    case "version":
      console.log(`gateway ${pkg.version}`);
      return EXIT.ok;
    case "completion":
      process.stdout.write((await import("./completion.ts")).completionScript(command.shell));
      return EXIT.ok;
    case "check":
      return (await import("./check.ts")).check(command.config);
    case "probe":
      return await (await import("./check.ts")).probe(command.url);
    case "hello":
      return await (await import("../demo/hello.ts")).hello(command);
    case "demo":
      raiseRequestLimit();
      return await (await import("../demo/demo.ts")).demo();
    case "serve":
      raiseRequestLimit();
      return await (await import("./serve.ts")).serve(command.config, command.takeover);
    default:
      return await (await import("./remote.ts")).runRemote(command);
  }
}

function help(topic: string): number {
  const text = helpText(pkg.version, topic);
  if (text === null) {
    console.error(`gateway: there is no command ${JSON.stringify(topic)}\nTry gateway --help.`);
    return EXIT.usage;
  }
  process.stdout.write(text);
  return EXIT.ok;
}
