import type { Log } from "../../platform/log.ts";
import { WHOLE_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import { isTaskShape, pieceCount } from "../../protocol/piece-table.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId, taskDigest } from "../../protocol/task-id.ts";
import type { PieceStore } from "../../store/piece-store.ts";
import { isContentOf } from "./inline-content.ts";
import type { Joins, TaskFrame } from "./joins.ts";
import type { TaskRequest } from "./open-task.ts";
import type { PeerMetrics } from "./peer-metrics.ts";
import type { SessionOpener } from "./session-opener.ts";
import type { Sessions } from "./sessions.ts";

/** The whole of a small file, as the supernode has sent it. */
export interface WholeFile {
  readonly taskId: TaskId;
  readonly bytes: Uint8Array;
  readonly mediaType: string | undefined;
  readonly lastModified: string | undefined;
}

/**
 * Takes a small file before it is stored: the store reads its bytes as well, so their memory must not be given back. What becomes of it
 * here afterwards is no concern of whoever wants it.
 */
export type TakeWhole = (file: WholeFile) => void;

export interface WholeFilesDeps {
  readonly opener: Pick<SessionOpener, "ask">;
  readonly joins: Pick<Joins, "takeEarly">;
  readonly sessions: Pick<Sessions, "byTaskId" | "restingNumber" | "rest">;
  readonly store: Pick<PieceStore, "keep">;
  readonly metrics: Pick<PeerMetrics, "pieceReceived">;
  readonly log: Log;
  leave(task: number): void;
}

/**
 * Small files at URLs, which come whole with the supernode's answer. They go to whoever wants them and to the store, and the
 * node takes part in their tasks as in those at rest: of a tree of files, to open a task for each takes longer than all the rest.
 */
export class WholeFiles {
  readonly #deps: WholeFilesDeps;

  constructor(deps: WholeFilesDeps) {
    this.#deps = deps;
  }

  /**
   * Fetches a file. Resolves, once it is kept and nobody here reads its bytes any more (their memory may be given back), to what the
   * supernode sent, or to undefined where it is no small file or no supernode brings it: then the request has to be opened. Throws
   * ProtocolError, or the signal's reason.
   */
  async fetch(request: TaskRequest, signal: AbortSignal): Promise<WholeFile | undefined> {
    const asked = await this.#deps.opener.ask(
      { ...request, wholeBytesMax: WHOLE_LENGTH_BYTES_MAX },
      signal,
    );
    if (!asked) return undefined;
    const { number, frame } = asked;
    let isHeld = false;
    try {
      const file = wholeFileOf(frame);
      if (file && file.bytes.length > 0) {
        isHeld = await this.#hold(number, file, frame);
        this.#count(file, frame);
      }
      return file;
    } finally {
      this.#deps.joins.takeEarly(number);
      if (!isHeld) this.#deps.leave(number);
    }
  }

  #count({ bytes }: WholeFile, { pieceLengthBytes }: TaskFrame): void {
    for (let offset = 0; offset < bytes.length; offset += pieceLengthBytes) {
      const lengthBytes = Math.min(pieceLengthBytes, bytes.length - offset);
      this.#deps.metrics.pieceReceived("seed", lengthBytes);
    }
  }

  /** Whether the node takes part in the task from now on. */
  async #hold(number: number, file: WholeFile, frame: TaskFrame): Promise<boolean> {
    const { sessions, store, log } = this.#deps;
    const { taskId, mediaType, bytes: content } = file;
    const { pieceLengthBytes } = frame;
    const certificates = certificatesOf(frame);
    const lengthBytes = content.length;
    try {
      const task = { taskId, pieceLengthBytes, lengthBytes, mediaType, content, certificates };
      if (!(await store.keep(task))) return false;
    } catch (error) {
      // Whoever wants it gets it all the same; the next one asks the supernode again.
      log.warn({ err: error, taskId }, "a small file cannot be kept");
      return false;
    }
    // Meanwhile the supernode may have been told of it on a new connection, or a neighbour has asked for it.
    const isKnown = sessions.restingNumber(taskId) !== undefined || sessions.byTaskId(taskId);
    if (isKnown) return false;
    const forgotten = sessions.rest(taskId, number);
    if (forgotten !== undefined) this.#deps.leave(forgotten);
    return true;
  }
}

/** The file in an answer; undefined where there is none, or something else than the answer says. */
export function wholeFileOf(frame: TaskFrame): WholeFile | undefined {
  const { lengthBytes, pieceLengthBytes, content, certificate, mediaType, lastModified } = frame;
  const taskId = parseTaskId(frame.taskId);
  if (!taskId || lengthBytes === undefined || !isTaskShape(lengthBytes, pieceLengthBytes)) {
    return undefined;
  }
  const digest = taskDigest(taskId);
  if (lengthBytes === 0 && !digest) {
    return { taskId, bytes: new Uint8Array(0), mediaType, lastModified };
  }
  if (!content || !certificate || content.length !== lengthBytes) return undefined;
  const count = pieceCount(lengthBytes, pieceLengthBytes);
  if (certificatesOf(frame).length !== count || (digest && !isContentOf(digest, content))) {
    return undefined;
  }
  return { taskId, bytes: content, mediaType, lastModified };
}

/** Those of the pieces of the content in an answer. */
function certificatesOf({ certificate, otherCertificates = [] }: TaskFrame): Uint8Array[] {
  return certificate ? [certificate, ...otherCertificates] : [];
}
