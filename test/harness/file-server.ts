import { once } from "node:events";
import { readFile } from "node:fs/promises";
import type { IncomingMessage, RequestListener, Server } from "node:http";
import { createServer } from "node:http";
import { createServer as createSecureServer } from "node:https";
import type { AddressInfo } from "node:net";
import { parseByteRange } from "../../protocol/byte-range.ts";
import type { Certificates } from "./https-origin.ts";

/** A file of a server, for everybody or for those who bring a header. */
export interface ServedFile {
  readonly bytes: Uint8Array;
  readonly mediaType?: string;
  /** The Authorization header without which it is refused. */
  readonly authorization?: string;
}

/** A request that a file server has answered. */
export interface ServedRequest {
  readonly method: string;
  readonly path: string;
  readonly isSecure: boolean;
  readonly sentBytes: number;
}

/** A server of files by HTTP and, from the same files, by HTTPS, that notes what it is asked. */
export class FileServer implements AsyncDisposable {
  readonly files = new Map<string, ServedFile>();
  readonly requests: ServedRequest[] = [];
  /** Answers requests for which there is no file; returns false to leave them. */
  answer: (request: IncomingMessage, response: Parameters<RequestListener>[1]) => boolean = () =>
    false;
  readonly url: string;
  readonly secureUrl: string;
  readonly #servers: readonly Server[];

  private constructor(address: string, plain: Server, secure: Server) {
    this.#servers = [plain, secure];
    this.url = `http://${address}:${(plain.address() as AddressInfo).port}`;
    this.secureUrl = `https://${address}:${(secure.address() as AddressInfo).port}`;
    for (const server of this.#servers) {
      const isSecure = server === secure;
      server.on("request", (request, response) => this.#serve(request, response, isSecure));
    }
  }

  static async start(
    address: string,
    { serverCert, serverKey }: Certificates,
  ): Promise<FileServer> {
    const [cert, key] = [await readFile(serverCert), await readFile(serverKey)];
    const servers = [createServer(), createSecureServer({ cert, key })];
    for (const server of servers) {
      server.listen(0, address);
      await once(server, "listening");
    }
    return new FileServer(address, servers[0]!, servers[1]!);
  }

  /** How many bytes of a file went out. */
  sentBytes(path: string): number {
    return this.requests
      .filter((request) => request.path === path)
      .reduce((sum, { sentBytes }) => sum + sentBytes, 0);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) {
      server.closeAllConnections();
      server.close();
    }
  }

  #serve(
    request: IncomingMessage,
    response: Parameters<RequestListener>[1],
    isSecure: boolean,
  ): void {
    const { method = "", url: path = "", headers } = request;
    const note = (sentBytes: number): void =>
      void this.requests.push({ method, path, isSecure, sentBytes });
    const file = this.files.get(path);
    if (!file) {
      note(0);
      if (!this.answer(request, response)) response.writeHead(404).end("there is no such file\n");
      return;
    }
    if (file.authorization !== undefined && headers.authorization !== file.authorization) {
      note(0);
      response.writeHead(headers.authorization === undefined ? 401 : 403).end("not for you\n");
      return;
    }
    const { bytes } = file;
    const range = parseByteRange(headers.range, bytes.length);
    const part = typeof range === "object" ? range : { firstByte: 0, lastByte: bytes.length - 1 };
    const body = bytes.subarray(part.firstByte, part.lastByte + 1);
    const contentRange = `bytes ${part.firstByte}-${part.lastByte}/${bytes.length}`;
    response.writeHead(range ? 206 : 200, {
      "content-type": file.mediaType ?? "application/octet-stream",
      "content-length": body.length,
      "accept-ranges": "bytes",
      etag: `"${path.length}-${bytes.length}"`,
      ...(range && { "content-range": contentRange }),
    });
    note(method === "HEAD" ? 0 : body.length);
    response.end(method === "HEAD" ? undefined : body);
  }
}
