// Control calls while another process takes over: they wait, are passed on, and are answered honestly
// when that fails.

import { expect, test } from "bun:test";
import { ControlDesk } from "../../../src/control/takeover/control-desk.ts";
import type { ControlCall } from "../../../src/shared/messages.ts";

const call: ControlCall = {
  type: "control-call",
  call: 7,
  port: "clients",
  operation: "remove",
  args: ["a"],
};

test("a call that waited goes to the process that takes over, and nothing is done here", async () => {
  const desk = new ControlDesk(() => Promise.reject(new Error("done here")));
  await desk.close();
  const waiting = desk.answer(call);
  const passed: unknown[] = [];
  desk.passOn((asked) => {
    passed.push(asked);
    return Promise.resolve({ ok: true, value: null });
  });
  expect(await waiting).toEqual({
    type: "control-reply",
    call: 7,
    result: { ok: true, value: null },
  });
  expect(passed).toEqual([{ port: "clients", operation: "remove", args: ["a"] }]);
});

test("where that one does not answer, the change may have been made, and that is said", async () => {
  const desk = new ControlDesk(() => Promise.reject(new Error("done here")));
  desk.passOn(() => Promise.reject(new Error("gone")));
  expect(await desk.answer(call)).toMatchObject({
    call: 7,
    result: {
      ok: false,
      reason: "unavailable",
      detail: expect.stringContaining("may or may not have been made"),
    },
  });
});
