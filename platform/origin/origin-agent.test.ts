import { once } from "node:events";
import type { Socket } from "node:net";
import { createServer } from "node:net";
import { describe, expect, it } from "vitest";

import { systemClock } from "../clock.ts";
import { AddressGate } from "./address-gate.ts";
import { OriginClient } from "./origin-client.ts";

const never = new AbortController().signal;

/** Reads an HTTP/1.0 body that lasts until the connection ends, as `end` does it. */
async function readUntilEnd(end: (socket: Socket) => void): Promise<string> {
  await using server = createServer((socket) => {
    socket.on("error", () => undefined);
    socket.once("data", () => socket.write("HTTP/1.0 200 OK\r\n\r\nthe beginning"));
    socket.once("data", () => void ends.promise.then(() => end(socket)));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  const ends = Promise.withResolvers<void>();
  const { port } = server.address() as { port: number };
  await using client = new OriginClient({
    gate: new AddressGate(["127.0.0.1"]),
    clock: systemClock,
    random: () => 0,
  });
  const url = `http://127.0.0.1:${port}/file`;
  const answer = await client.fetch({ method: "GET", url, headers: new Map() }, never);
  let text = "";
  for await (const chunk of answer.body) {
    text += Buffer.from(chunk).toString();
    ends.resolve();
  }
  return text;
}

describe("a body without a length", () => {
  it("is whole when the connection is closed", async () => {
    expect(await readUntilEnd((socket) => socket.end(" and the end"))).toBe(
      "the beginning and the end",
    );
  });

  it("is not taken for whole when the connection is reset", async () => {
    await expect(readUntilEnd((socket) => void socket.resetAndDestroy())).rejects.toMatchObject({
      code: "ORIGIN_FAILED",
    });
  });
});
