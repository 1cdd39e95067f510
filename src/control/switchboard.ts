// Where the messages of the workers arrive on the main thread and who gets them. The workers run
// before the control plane is there; until it plugs itself in they can send nothing but log lines and
// questions for the time, because they do not listen yet.

import { answerClockPing } from "../shared/clock.ts";
import type { LineOutput } from "../shared/log.ts";
import type { ControlCall, FromWorker, ToWorker } from "../shared/messages.ts";

export interface ControlPlane {
  /** A worker's failures with this backend need a look. */
  backendFailed(slot: number): void;
  /** Never rejects. */
  answer(call: ControlCall): Promise<ToWorker>;
}

export class Switchboard {
  /** Set before a worker listens. */
  plane: ControlPlane | null = null;
  readonly #output: LineOutput;

  /** `output`: where the workers' log lines go. */
  constructor(output: LineOutput) {
    this.#output = output;
  }

  heard(message: FromWorker, reply: (message: ToWorker) => void): void {
    switch (message.type) {
      case "clock-ping":
        return reply({ type: "clock-pong", ...answerClockPing(message) });
      case "log":
        return this.#output.write(message.lines);
      case "backend-failed":
        return this.plane?.backendFailed(message.slot);
      case "control-call":
        void this.plane?.answer(message).then(reply);
    }
  }
}
