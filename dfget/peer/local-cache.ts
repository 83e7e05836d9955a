import { createHash } from "node:crypto";

import type { Digest } from "../../protocol/digest.ts";
import type { NodeFrame } from "../../protocol/node-frames.ts";
import { choosePieceLength } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { digestTaskId } from "../../protocol/task-id.ts";
import { DigestCheck } from "../../platform/digest-check.ts";
import type { Signer } from "../../platform/signing.ts";
import type { PieceStore, StoredTask, TaskSummaryRow } from "../../store/piece-store.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import { joinFrame } from "./joins.ts";
import { PieceAssembler } from "./piece-assembler.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import { holdingOf } from "./session-opener.ts";
import type { Sessions } from "./sessions.ts";
import type { TaskKeeper } from "./task-keeper.ts";

/** A node that this one exchanges tasks with. */
export interface NeighbourSummary {
  readonly nodeId: string;
  readonly endpoint: string;
}

export interface LocalCacheDeps {
  readonly store: PieceStore;
  readonly sessions: Sessions;
  readonly keeper: Pick<TaskKeeper, "discard" | "retire" | "ended">;
  readonly signer: Signer;
  /** The supernode's word for this node's key. */
  endorsement(): Uint8Array;
  readonly sendToSupernode: (frame: NodeFrame) => boolean;
}

/** What a node holds, seen by its user: lists, takes out, keeps from being evicted, and takes in. */
export class LocalCache {
  readonly #deps: LocalCacheDeps;

  constructor(deps: LocalCacheDeps) {
    this.#deps = deps;
  }

  /** Every task, the least recently used first. */
  list(): readonly TaskSummaryRow[] {
    return this.#deps.store.list();
  }

  get usedBytes(): number {
    return this.#deps.store.usedBytes;
  }

  /** Keeps a task from being evicted until what is returned is disposed; undefined where there is none. */
  async hold(taskId: TaskId): Promise<Disposable | undefined> {
    return await this.#deps.store.find(taskId);
  }

  /**
   * Forgets a task and its pieces. Returns false where there is none. Throws ProtocolError BAD_REQUEST when
   * somebody reads it.
   */
  async remove(taskId: TaskId): Promise<boolean> {
    const { store, sessions, keeper } = this.#deps;
    const session = sessions.byTaskId(taskId);
    if (session?.isUsed === true) {
      throw new ProtocolError(
        "BAD_REQUEST",
        "somebody reads it now; wait for the end, or stop that",
      );
    }
    if (session) keeper.retire(session);
    await keeper.ended(taskId);
    const resting = sessions.restingNumber(taskId);
    if (resting !== undefined) {
      sessions.forget(resting);
      this.#deps.sendToSupernode({ kind: "leave", task: resting });
    }
    const isThere = store.list().some((row) => row.taskId === taskId);
    if (isThere) await store.delete(taskId);
    return isThere;
  }

  /**
   * Takes in a content of `lengthBytes` that has the digest, and lets other nodes have it. Throws ProtocolError
   * DIGEST_MISMATCH or BAD_REQUEST when it is another, STORAGE_FULL, or the signal's reason.
   */
  async take(
    digest: Digest,
    lengthBytes: number,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<TaskId> {
    const taskId = digestTaskId(digest);
    const pieceLengthBytes = choosePieceLength(lengthBytes);
    await this.#deps.keeper.ended(taskId);
    if (this.#deps.sessions.byTaskId(taskId)?.isComplete === false) {
      throw new ProtocolError("BAD_REQUEST", "it is being downloaded now; wait for the end");
    }
    using stored = await this.#deps.store.open({ taskId, pieceLengthBytes, lengthBytes });
    if (!stored.isComplete || !stored.record.isProven) {
      await this.#fill(stored, digest, chunks, signal);
    }
    this.#announce(stored);
    return taskId;
  }

  async #fill(
    stored: StoredTask,
    digest: Digest,
    chunks: AsyncIterable<Uint8Array>,
    signal: AbortSignal,
  ): Promise<void> {
    const { pieceLengthBytes, lengthBytes } = stored.record;
    const assembler = new PieceAssembler(pieceLengthBytes, 0);
    const check = new DigestCheck(digest);
    for await (const chunk of chunks) {
      signal.throwIfAborted();
      check.update(chunk);
      for (const piece of assembler.push(chunk, lengthBytes)) await this.#store(stored, piece);
    }
    if (assembler.totalBytes !== lengthBytes) {
      throw new ProtocolError("BAD_REQUEST", "the content is shorter than was said; try again");
    }
    const { actual, matches } = check.finish();
    if (!matches) {
      await stored.discard();
      const message = `the content has the digest ${actual} and not ${digest}; it changed meanwhile, try again`;
      throw new ProtocolError("DIGEST_MISMATCH", message);
    }
    stored.setProven();
  }

  async #store(stored: StoredTask, { index, bytes }: AssembledPiece): Promise<void> {
    if (stored.have.has(index)) return;
    const identity = { taskId: stored.record.taskId, pieceIndex: index, lengthBytes: bytes.length };
    const sha256 = new Uint8Array(createHash("sha256").update(bytes).digest());
    const { signer } = this.#deps;
    try {
      stored.reserve(bytes.length);
      await stored.write(index * stored.record.pieceLengthBytes, bytes);
    } catch (error) {
      stored.release(bytes.length);
      if (!(error instanceof StorageFullError)) throw error;
      throw new ProtocolError("STORAGE_FULL", `it cannot be stored: ${error.message}`, {}, error);
    }
    stored.commit(index, signer.certifyPieceAsNode(identity, sha256, this.#deps.endorsement()));
  }

  /** Tells the supernode that the whole is here, as after a start. */
  #announce(stored: StoredTask): void {
    const { sessions, sendToSupernode } = this.#deps;
    const { taskId } = stored.record;
    if (sessions.byTaskId(taskId) || sessions.restingNumber(taskId) !== undefined) return;
    const number = sessions.allot();
    const forgotten = sessions.rest(taskId, number);
    sendToSupernode(joinFrame(number, { taskId }, holdingOf(stored)));
    if (forgotten !== undefined) sendToSupernode({ kind: "leave", task: forgotten });
  }
}
