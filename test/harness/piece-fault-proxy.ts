import { once } from "node:events";
import type { IncomingMessage, Server, ServerResponse } from "node:http";
import { createServer, request as send } from "node:http";
import type { AddressInfo, Socket } from "node:net";
import { connect } from "node:net";

/** How a program that hands out pieces may fail. */
export const PIECE_FAULTS = [
  "connections refused",
  "503",
  "wrong byte",
  "cut in the middle",
  "slow drip",
  "no answer",
] as const;
export type PieceFault = (typeof PIECE_FAULTS)[number];

const DRIP_BYTES = 512;
const DRIP_MS = 250;

/** Stands before the port where a node or a supernode hands out pieces, and spoils what goes through. */
export class PieceFaultProxy implements AsyncDisposable {
  /** `address:port`, for `--advertise`. */
  readonly authority: string;
  fault: PieceFault | undefined;
  /** How many requests or connections were spoiled. */
  spoiledCount = 0;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: { readonly host: string; readonly port: number };

  private constructor(server: Server, address: string, target: string) {
    this.#server = server;
    this.authority = `${address}:${(server.address() as AddressInfo).port}`;
    const [host = "", port] = target.split(":");
    this.#target = { host, port: Number(port) };
    server.on("connection", (socket: Socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("close", () => this.#sockets.delete(socket));
      if (this.fault !== "connections refused") return;
      this.spoiledCount += 1;
      socket.resetAndDestroy();
    });
    server.on("request", (request, response) => this.#handle(request, response));
    server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket as Socket, head));
  }

  /** Listens at `address` for what is meant for `target`, `address:port`, which need not run yet. */
  static async start(address: string, target: string): Promise<PieceFaultProxy> {
    const server = createServer();
    server.listen(0, address);
    await once(server, "listening");
    return new PieceFaultProxy(server, address, target);
  }

  /** Sets the fault, also for connections that are open. */
  spoil(fault: PieceFault | undefined): void {
    this.fault = fault;
    this.spoiledCount = 0;
    if (fault === "connections refused")
      for (const socket of this.#sockets) socket.resetAndDestroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, "close");
  }

  #handle(request: IncomingMessage, response: ServerResponse): void {
    const { url = "", method, headers } = request;
    const fault = url.startsWith("/pieces/") ? this.fault : undefined;
    if (fault !== undefined) this.spoiledCount += 1;
    if (fault === "no answer") return;
    if (fault === "503") {
      response.writeHead(503).end();
      return;
    }
    const forwarded = send({ ...this.#target, path: url, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      if (fault === undefined) answer.pipe(response);
      else void bytesOf(answer).then((bytes) => this.#sendSpoiled(response, bytes, fault));
    });
    forwarded.on("error", () => response.destroy());
    forwarded.end();
  }

  #sendSpoiled(response: ServerResponse, bytes: Buffer, fault: PieceFault): void {
    if (fault === "wrong byte") {
      bytes[bytes.length >> 1]! ^= 1;
      response.end(bytes);
    } else if (fault === "cut in the middle") {
      response.write(bytes.subarray(0, bytes.length >> 1), () => response.socket?.end());
    } else {
      let offset = 0;
      const timer = setInterval(() => {
        response.write(bytes.subarray(offset, (offset += DRIP_BYTES)));
      }, DRIP_MS);
      response.once("close", () => clearInterval(timer));
    }
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const far = connect(this.#target);
    const lines = [`${request.method} ${request.url} HTTP/1.1`];
    for (let i = 0; i < request.rawHeaders.length; i += 2) {
      lines.push(`${request.rawHeaders[i]}: ${request.rawHeaders[i + 1]}`);
    }
    far.write(`${lines.join("\r\n")}\r\n\r\n`);
    far.write(head);
    far.pipe(socket).pipe(far);
    far.on("error", () => socket.destroy());
    socket.on("error", () => far.destroy());
    socket.once("close", () => far.destroy());
  }
}

async function bytesOf(answer: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of answer) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}
