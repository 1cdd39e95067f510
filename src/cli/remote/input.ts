// Reads a file that was named on the command line; `-` is stdin.

import { EXIT, StartError } from "../../shared/start-error.ts";

/** Throws `StartError`. */
export async function readText(file: string): Promise<string> {
  try {
    return await (file === "-" ? Bun.stdin : Bun.file(file)).text();
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    const why = code === "ENOENT" ? "there is no such file" : message;
    throw new StartError(EXIT.noInput, `${file} cannot be read: ${why}`);
  }
}
