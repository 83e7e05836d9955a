import type { Server } from "node:http";
import type { Duplex } from "node:stream";

/** The most connections besides those of nodes: requests for pieces, and of people and programs that watch. */
export const PLAIN_CONNECTIONS_MAX = 16_384;

/** Closes what connects to `server` while `limit` connections are there that have not become WebSockets, so that nodes always find room. */
export function limitPlainConnections(server: Server, limit = PLAIN_CONNECTIONS_MAX): void {
  const plain = new Set<Duplex>();
  server.on("connection", (socket) => {
    if (plain.size >= limit) {
      socket.destroy();
      return;
    }
    plain.add(socket);
    socket.once("close", () => plain.delete(socket));
  });
  server.on("upgrade", ({ socket }) => plain.delete(socket));
}
