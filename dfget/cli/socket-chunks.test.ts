import { once } from "node:events";
import type { Server, Socket } from "node:net";
import { createServer } from "node:net";
import { afterEach, beforeEach, describe, expect, it } from "vitest";

import { TemporaryDirectory } from "../../test/harness/temporary-directory.ts";
import { SocketChunks } from "./socket-chunks.ts";

describe("what comes over a connection", () => {
  let home: TemporaryDirectory;
  let server: Server;
  let chunks: SocketChunks;
  let sender: Socket;

  beforeEach(async () => {
    home = await TemporaryDirectory.create("chunks");
    server = createServer().listen(home.join("s"));
    await once(server, "listening");
    const connected = once(server, "connection") as Promise<[Socket]>;
    chunks = new SocketChunks(home.join("s"));
    [sender] = await connected;
    sender.on("error", () => undefined);
  });

  afterEach(async () => {
    chunks.socket.destroy();
    sender.destroy();
    server.close();
    await home[Symbol.asyncDispose]();
  });

  const rest = async (): Promise<Buffer> => {
    const parts: Uint8Array[] = [];
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      parts.push(next.value);
    }
    return Buffer.concat(parts);
  };

  it("is all of it, in order, whether it is waited for or lies ready", async () => {
    const first = chunks.next();
    sender.write("first");
    expect(await first).toEqual({ done: false, value: Buffer.from("first") });
    const content = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => i % 251));
    sender.end(content);
    expect((await rest()).equals(content)).toBe(true);
    expect(await chunks.next()).toEqual({ done: true, value: undefined });
  });

  it("stays where it is, but for one chunk, until it is asked for", async () => {
    sender.write(Buffer.alloc(8 * 1024 * 1024));
    await chunks.next();
    await chunks.next();
    const { bytesRead } = chunks.socket;
    sender.write("more");
    // What is asked for on another connection is answered after the loop has looked at this one too.
    const other = new SocketChunks(home.join("s"));
    await once(other.socket, "connect");
    other.socket.destroy();
    expect(chunks.socket.bytesRead - bytesRead).toBeLessThanOrEqual(64 * 1024);
    sender.end();
    await rest();
  });

  it("ends with an error when either side breaks off, and where nobody listens", async () => {
    const waiting = expect(chunks.next()).rejects.toThrow("enough");
    chunks.socket.destroy(new Error("enough"));
    await waiting;
    await expect(chunks.next()).rejects.toThrow("enough");
    const nobody = new SocketChunks(home.join("absent"));
    await expect(nobody.next()).rejects.toMatchObject({ code: "ENOENT" });
  });

  it("ends for good when it is left", async () => {
    const waiting = expect(chunks.next()).rejects.toMatchObject({ code: "ECONNRESET" });
    expect(await chunks.return()).toEqual({ done: true, value: undefined });
    await waiting;
  });
});
