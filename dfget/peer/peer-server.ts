import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer } from "node:http";
import type { Duplex } from "node:stream";
import type { Registry } from "prom-client";
import { WebSocketServer } from "ws";
import type { WebSocket } from "ws";

import type { Endpoint } from "../../protocol/endpoint.ts";
import type { ErrorCode } from "../../protocol/error-table.ts";
import { ERRORS } from "../../protocol/error-table.ts";
import { FRAME_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import type { NodeId } from "../../protocol/node-id.ts";
import { parseNodeId } from "../../protocol/node-id.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import {
  ADMISSION_HEADER,
  NODE_HEADER,
  PROTOCOL_HEADER,
  PROTOCOL_VERSION,
} from "../../protocol/version.ts";
import type { Clock } from "../../platform/clock.ts";
import type { TokenBucket } from "../../platform/token-bucket.ts";
import { listenOn } from "../../platform/http-server.ts";
import { parsePiecePath } from "../../store/piece-path.ts";
import type { PieceServed } from "../../store/piece-server.ts";
import { PieceServer } from "../../store/piece-server.ts";
import type { StoredTask } from "../../store/piece-store.ts";

/** A piece that may be sent now. */
export interface Upload {
  readonly stored: StoredTask;
  /** Must be called once, when the sending has ended. */
  ended(result: PieceServed): void;
}

/** A request for a piece. */
export interface AskedPiece {
  readonly taskId: TaskId;
  readonly pieceIndex: number;
  /** The node that asks, as it says itself. */
  readonly nodeId: NodeId | undefined;
  /** Its admission to a private task, base64url. */
  readonly admission: string | undefined;
}

/** What to send, or why not. */
export type UploadAnswer = Upload | "NOT_FOUND" | "NO_SLOT" | "NOT_ADMITTED";

/** What the server asks of the peer behind it. */
export interface PeerServerDeps {
  readonly metrics: Registry;
  readonly clock: Clock;
  /** Limits what is sent. */
  readonly bucket?: TokenBucket;
  upload(asked: AskedPiece): Promise<UploadAnswer>;
  neighbour(socket: WebSocket, request: IncomingMessage): void;
}

/** A piece request is short; nothing else is expected here. */
const HEADERS_BYTES_MAX = 16 * 1024;
/** A connection that asks for nothing is closed after this. */
const KEEP_ALIVE_MS = 60_000;

/** The port by which other nodes reach this one: pieces, control connections, metrics, health. */
export class PeerServer {
  readonly #deps: PeerServerDeps;
  readonly #webSockets = new WebSocketServer({
    noServer: true,
    maxPayload: FRAME_LENGTH_BYTES_MAX,
    perMessageDeflate: false,
  });
  readonly #server = createServer(
    { maxHeaderSize: HEADERS_BYTES_MAX, keepAliveTimeout: KEEP_ALIVE_MS },
    (request, response) => {
      this.#route(request, response).catch(() => response.destroy());
    },
  );

  readonly #pieces: PieceServer;

  constructor(deps: PeerServerDeps) {
    this.#deps = deps;
    this.#pieces = new PieceServer(
      { clock: deps.clock },
      deps.bucket === undefined ? {} : { bucket: deps.bucket },
    );
    this.#server.on("upgrade", (request, socket, head) => this.#upgrade(request, socket, head));
  }

  /** Begins to listen; throws UserError when it cannot. */
  async listen(endpoint: Endpoint): Promise<Endpoint> {
    return await listenOn(this.#server, endpoint);
  }

  /** Takes no new connections, gives running transfers a moment, then closes everything. */
  async close(drainMs: number): Promise<void> {
    const closed = new Promise<void>((resolve) => void this.#server.close(() => resolve()));
    this.#server.closeIdleConnections();
    const guard = setTimeout(() => {
      this.#server.closeAllConnections();
      // These are not among them, and one whose other side hangs would be waited for.
      for (const socket of this.#webSockets.clients) socket.terminate();
    }, drainMs);
    await closed;
    clearTimeout(guard);
    this.#webSockets.close();
  }

  async #route(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = (request.url ?? "/").split("?", 1)[0]!;
    if (request.method !== "GET" && request.method !== "HEAD") {
      refuse(response, "BAD_REQUEST", `${request.method ?? "this"} is not served here; use GET`);
    } else if (path.startsWith("/pieces/")) await this.#piece(path, request, response);
    else if (path === "/healthz") response.end("ok\n");
    else if (path === "/metrics") {
      response.setHeader("content-type", this.#deps.metrics.contentType);
      response.end(await this.#deps.metrics.metrics());
    } else refuse(response, "NOT_FOUND", `there is no ${path.slice(0, 100)} here`);
  }

  async #piece(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const target = parsePiecePath(path);
    if (!target) {
      refuse(response, "BAD_REQUEST", "a piece is asked for as /pieces/{task id}/{index}");
      return;
    }
    const header = request.headers[NODE_HEADER];
    const nodeId = typeof header === "string" ? parseNodeId(header) : undefined;
    const shown = request.headers[ADMISSION_HEADER];
    const admission = typeof shown === "string" ? shown : undefined;
    const upload = await this.#deps.upload({ ...target, nodeId, admission });
    if (upload === "NOT_FOUND") {
      refuse(response, upload, `piece ${target.pieceIndex} of ${target.taskId} is not held here`);
    } else if (upload === "NOT_ADMITTED") {
      refuse(response, upload, "the task is private; join it at a supernode first");
    } else if (upload === "NO_SLOT") {
      response.setHeader("retry-after", "1");
      refuse(response, upload, "all upload slots are taken; ask again later or ask another node");
    } else {
      const { pieceIndex } = target;
      this.#pieces.serve({ task: upload.stored, pieceIndex, request, response }, (served) =>
        upload.ended(served),
      );
    }
  }

  #upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void {
    // ws takes over its errors from here on; before that nobody would.
    socket.on("error", () => socket.destroy());
    const path = (request.url ?? "").split("?", 1)[0];
    if (path !== "/control") {
      answerUpgrade(socket, "NOT_FOUND", "nodes talk to each other at /control");
    } else if (request.headers[PROTOCOL_HEADER] !== String(PROTOCOL_VERSION)) {
      answerUpgrade(
        socket,
        "PROTOCOL_VERSION",
        `this node speaks version ${PROTOCOL_VERSION} of the protocol; bring both nodes to the same release`,
      );
    } else {
      this.#webSockets.handleUpgrade(request, socket, head, (webSocket) => {
        this.#deps.neighbour(webSocket, request);
      });
    }
  }
}

/** With its length, for a node takes no answer that comes in chunks. */
function refuse(response: ServerResponse, code: ErrorCode, message: string): void {
  const body = JSON.stringify({ code, message });
  response.writeHead(ERRORS[code].status, {
    "content-type": "application/json",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}

function answerUpgrade(socket: Duplex, code: ErrorCode, message: string): void {
  const body = JSON.stringify({ code, message });
  socket.end(
    `HTTP/1.1 ${ERRORS[code].status} ${code}\r\nConnection: close\r\n` +
      `Content-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}
