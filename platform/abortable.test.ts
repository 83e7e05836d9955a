import { getEventListeners } from "node:events";
import { describe, expect, it } from "vitest";

import { abortable, forwardAbort } from "./abortable.ts";

const REASON = new Error("not wanted any more");

function listenerCount({ signal }: AbortController): number {
  return getEventListeners(signal, "abort").length;
}

describe("waiting for a promise that may be given up", () => {
  it("gives what the promise gives and leaves no listener behind", async () => {
    const controller = new AbortController();
    expect(await abortable(Promise.resolve("done"), controller.signal)).toBe("done");
    await expect(abortable(Promise.reject(REASON), controller.signal)).rejects.toBe(REASON);
    expect(listenerCount(controller)).toBe(0);
  });

  it("ends with the reason of the signal, before and during the wait", async () => {
    const controller = new AbortController();
    const waiting = abortable(new Promise(() => {}), controller.signal);
    controller.abort(REASON);
    await expect(waiting).rejects.toBe(REASON);
    await expect(abortable(Promise.resolve(), controller.signal)).rejects.toBe(REASON);
  });
});

describe("forwarding an abort", () => {
  it("passes the reason on, also when the signal was aborted before", () => {
    const [from, to, late] = [new AbortController(), new AbortController(), new AbortController()];
    using _link = forwardAbort(from.signal, to);
    from.abort(REASON);
    expect(to.signal.reason).toBe(REASON);
    using _lateLink = forwardAbort(from.signal, late);
    expect(late.signal.reason).toBe(REASON);
  });

  it("stops when it is disposed", () => {
    const [from, to] = [new AbortController(), new AbortController()];
    forwardAbort(from.signal, to)[Symbol.dispose]();
    expect(listenerCount(from)).toBe(0);
    from.abort(REASON);
    expect(to.signal.aborted).toBe(false);
  });
});
