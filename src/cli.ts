// The entry point of the executable: reads the command line, runs one command, exits with its code.
// What can be expected to go wrong ends in one clear line, without a stack trace.

import pkg from "../package.json" with { type: "json" };
import { parseArguments, type Command } from "./cli/arguments.ts";
import { check, probe } from "./cli/check.ts";
import { forgetProxies, raiseRequestLimit } from "./cli/environment.ts";
import { helpText } from "./cli/help.ts";
import { EXIT, StartError } from "./shared/start-error.ts";

async function runCommand(command: Command): Promise<number> {
  forgetProxies();
  switch (command.name) {
    case "help":
      return help(command.topic);
    case "version":
      console.log(`gateway ${pkg.version}`);
      return EXIT.ok;
    case "completion":
      process.stdout.write((await import("./cli/completion.ts")).completionScript(command.shell));
      return EXIT.ok;
    case "check":
      return check(command.config);
    case "probe":
      return await probe(command.url);
    case "hello":
      return await (await import("./demo/hello.ts")).hello(command);
    case "demo":
      raiseRequestLimit();
      return await (await import("./demo/demo.ts")).demo();
    case "serve":
      raiseRequestLimit();
      return await (await import("./cli/serve.ts")).serve(command.config, command.takeover);
    default:
      return await (await import("./cli/remote.ts")).runRemote(command);
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

async function main(): Promise<number> {
  const parsed = parseArguments(process.argv.slice(2));
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

process.exit(await main());
