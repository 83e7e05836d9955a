import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";
import { expect, it } from "vitest";

import { limitPlainConnections } from "./plain-connections.ts";

it("connections beyond the limit are closed, those of nodes do not count, and one that ends makes room", async () => {
  const server = createServer((_, response) => response.end("here"));
  server.on("upgrade", (_, socket) => socket.write("HTTP/1.1 101 Switching Protocols\r\n\r\n"));
  limitPlainConnections(server, 2);
  await once(server.listen(0, "127.0.0.1"), "listening");
  const { port } = server.address() as AddressInfo;
  const sockets: Socket[] = [];
  /** The first line of the answer; undefined when the connection was closed instead. */
  const ask = async (headers: string): Promise<string | undefined> => {
    const socket = connect({ port, host: "127.0.0.1" });
    sockets.push(socket);
    socket.on("error", () => {});
    socket.write(`GET / HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
    const answer = await Promise.race([once(socket, "data"), once(socket, "close")]);
    return Buffer.isBuffer(answer[0]) ? answer[0].toString().split("\r\n", 1)[0] : undefined;
  };
  try {
    for (let node = 0; node < 3; node++) {
      expect(await ask("connection: upgrade\r\nupgrade: websocket\r\n")).toMatch(/ 101 /);
    }
    expect([await ask(""), await ask("")]).toEqual(["HTTP/1.1 200 OK", "HTTP/1.1 200 OK"]);
    expect(await ask("")).toBeUndefined();
    const closed = once(sockets[3]!, "close");
    sockets[3]!.destroy();
    await closed;
    await expect.poll(async () => await ask("")).toBe("HTTP/1.1 200 OK");
  } finally {
    for (const socket of sockets) socket.destroy();
    server.close();
  }
});
