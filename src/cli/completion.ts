// Scripts that complete the command line in a shell, made from the table of commands. They are
// complete in themselves: pressing Tab starts no gateway.

import type { Shell } from "./command.ts";
import { bashCompletion } from "./completion/bash.ts";
import { fishCompletion } from "./completion/fish.ts";
import { zshCompletion } from "./completion/zsh.ts";

const SCRIPTS: Readonly<Record<Shell, () => string>> = {
  bash: bashCompletion,
  fish: fishCompletion,
  zsh: zshCompletion,
};

export function completionScript(shell: Shell): string {
  return SCRIPTS[shell]();
}
