import { once } from "node:events";
import type { AddressInfo, Socket } from "node:net";
import { createServer } from "node:net";

/** A server on loopback whose every answer is written by hand. */
export interface ScriptedServer extends Disposable {
  readonly port: number;
  /** The connections that are open. */
  readonly sockets: ReadonlySet<Socket>;
  /** How many connections there were. */
  readonly connectionCount: () => number;
}

/** Hands each request head, with its connection and the connection's number, to `answer`. */
export async function startScriptedServer(
  answer: (socket: Socket, head: string, connectionIndex: number) => void,
): Promise<ScriptedServer> {
  const sockets = new Set<Socket>();
  let connectionCount = 0;
  const server = createServer((socket) => {
    const connectionIndex = connectionCount++;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
    socket.on("error", () => {});
    let text = "";
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
      for (let end = text.indexOf("\r\n\r\n"); end >= 0; end = text.indexOf("\r\n\r\n")) {
        const head = text.slice(0, end);
        text = text.slice(end + 4);
        answer(socket, head, connectionIndex);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    port,
    sockets,
    connectionCount: () => connectionCount,
    [Symbol.dispose]: () => {
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

/** The head of a response. */
export function responseHead(status: string, lengthBytes: number, more = ""): string {
  return `HTTP/1.1 ${status}\r\ncontent-length: ${lengthBytes}\r\n${more}\r\n`;
}
