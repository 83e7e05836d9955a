import { Writable } from "node:stream";
import { describe, expect, it } from "vitest";

import { TurnCork } from "./turn-cork.ts";

describe("what is held until the end of a turn", () => {
  it("is written in one go, in its order, turn for turn", async () => {
    const writes: string[] = [];
    const stream = new Writable({
      decodeStrings: false,
      writev(chunks, callback) {
        writes.push(chunks.map(({ chunk }) => String(chunk)).join(""));
        callback();
      },
    });
    const cork = new TurnCork(stream);
    for (const words of [["a", "b", "c"], ["d"]]) {
      for (const word of words) {
        cork.hold();
        stream.write(word);
      }
      await new Promise((resolve) => void setImmediate(resolve));
    }
    expect(writes).toEqual(["abc", "d"]);
  });

  it("may be given up before the turn ends", async () => {
    const stream = new Writable({ write: (_chunk, _encoding, callback) => callback() });
    new TurnCork(stream).hold();
    stream.destroy();
    await new Promise((resolve) => void setImmediate(resolve));
    expect(stream.destroyed).toBe(true);
  });
});
