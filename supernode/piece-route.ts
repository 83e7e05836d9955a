import type { IncomingMessage, ServerResponse } from "node:http";

import type { Log } from "../platform/log.ts";
import { ADMISSION_HEADER, NODE_HEADER } from "../protocol/version.ts";
import { parsePiecePath } from "../store/piece-path.ts";
import type { PieceServer } from "../store/piece-server.ts";
import type { PieceStore } from "../store/piece-store.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { sendRawError } from "./raw-error.ts";
import type { SendRate } from "./send-rate.ts";

/** A piece that was asked for and is over, well or not. */
export interface PieceSent {
  readonly taskId: TaskId;
  readonly pieceIndex: number;
  /** The node that asked, as it says itself. */
  readonly nodeId: string | undefined;
  readonly sentBytes: number;
}

export interface PieceRouteDeps {
  readonly store: PieceStore;
  readonly server: PieceServer;
  readonly log: Log;
  readonly rate: SendRate;
  /** Whether a node that shows this may have pieces of the task. */
  readonly isAdmitted: (
    taskId: TaskId,
    nodeId: string | undefined,
    admission: string | undefined,
  ) => boolean;
  readonly onSent: (sent: PieceSent) => void;
}

/** Hands out the pieces that the seed holds, to a bounded number of askers at a time. */
export class PieceRoute {
  readonly #deps: PieceRouteDeps;
  readonly #slotsMax: number;
  readonly #closing = new AbortController();
  #taken = 0;
  #onIdle: (() => void) | undefined;

  constructor(deps: PieceRouteDeps, options: { readonly slotsMax: number }) {
    this.#deps = deps;
    this.#slotsMax = options.slotsMax;
  }

  /** Answers one request. Resolves when the response is over. */
  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = parsePiecePath(request.url ?? "");
    if (!path)
      return sendRawError(
        response,
        "NOT_FOUND",
        "there is no such piece; the path is /pieces/TASK/INDEX",
      );
    if (this.#closing.signal.aborted) {
      return sendRawError(response, "SHUTTING_DOWN", "the supernode is about to stop");
    }
    if (this.#taken >= this.#slotsMax) {
      response.setHeader("retry-after", "1");
      return sendRawError(response, "NO_SLOT", "all upload slots are taken; ask again");
    }
    this.#taken += 1;
    let sentBytes = 0;
    try {
      sentBytes = await this.#send(path.taskId, path.pieceIndex, request, response);
    } catch (error) {
      this.#answerError(error, response);
    } finally {
      this.#taken -= 1;
      if (this.#taken === 0) this.#onIdle?.();
      this.#deps.onSent({ ...path, nodeId: headerOf(request, NODE_HEADER), sentBytes });
    }
  }

  /** Refuses new requests; resolves when the running ones are over, or after `timeoutMs`. */
  async drain(timeoutMs: number): Promise<void> {
    this.#closing.abort(new Error("the supernode stops"));
    if (this.#taken === 0) return;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#onIdle = resolve;
    const timer = setTimeout(resolve, timeoutMs);
    await promise;
    clearTimeout(timer);
  }

  #answerError(error: unknown, response: ServerResponse): void {
    if (this.#closing.signal.aborted) {
      sendRawError(response, "SHUTTING_DOWN", "the supernode is about to stop");
      return;
    }
    this.#deps.log.error({ err: error }, "a piece could not be served");
    if (response.headersSent) response.destroy();
    else sendRawError(response, "INTERNAL", "the supernode failed; its log says more");
  }

  async #send(
    taskId: TaskId,
    pieceIndex: number,
    request: IncomingMessage,
    response: ServerResponse,
  ): Promise<number> {
    const { store, server, rate, isAdmitted } = this.#deps;
    const nodeId = headerOf(request, NODE_HEADER);
    if (!isAdmitted(taskId, nodeId, headerOf(request, ADMISSION_HEADER))) {
      sendRawError(response, "NOT_ADMITTED", `${taskId} is private; join it first`);
      return 0;
    }
    using task = await store.find(taskId);
    if (!task?.have.has(pieceIndex)) {
      sendRawError(response, "NOT_FOUND", `piece ${pieceIndex} of ${taskId} is not here`);
      return 0;
    }
    await rate.take(task.record.pieceLengthBytes, this.#closing.signal);
    const { promise, resolve } = Promise.withResolvers<number>();
    server.serve({ task, pieceIndex, request, response }, (served) => resolve(served.sentBytes));
    return await promise;
  }
}

function headerOf(request: IncomingMessage, name: string): string | undefined {
  const value = request.headers[name];
  return typeof value === "string" ? value : undefined;
}
