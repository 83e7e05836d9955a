import { read, write, writeSync } from "node:fs";
import { promisify } from "node:util";
import type { Bitmap } from "../protocol/bitmap.ts";
import type { DiskPace } from "./disk-pace.ts";
import { fileStamp, hasOtherName } from "./file-stamp.ts";
import { hasPieceBytes } from "./piece-check.ts";
import type { OpenTaskRequest, StoredTask, TaskRecord } from "./piece-store.ts";
import { storageErrorOf } from "./piece-store.ts";
import type { StorageBudget } from "./storage-budget.ts";
import type { TaskContent } from "./task-content.ts";

const readFd = promisify(read);
const writeFd = promisify(write);

/** Each slice is a trip to another thread; on virtual machines much larger ones cost more in a fresh file. */
const WRITE_SLICE_LENGTH_BYTES = 256 * 1024;

/** What a store does when one of its tasks changes. */
export interface SharedTaskEvents {
  /** A piece was added, with the certificate, or removed, without. */
  pieceChanged(task: SharedTask, pieceIndex: number, certificate: Uint8Array | undefined): void;
  recordChanged(task: SharedTask): void;
  /** Held pieces were not what they had been and were dropped. */
  damaged(task: SharedTask, droppedPieces: number): void;
  /** Somebody wrote to its file under another name of it: nothing may be written there any more. */
  givenUp(task: SharedTask): void;
  /** Every piece was dropped. */
  discarded(task: SharedTask): void;
  /** The last handle went; the store closes `task.fd`. */
  closed(task: SharedTask): void;
}

/** What all handles of a task share: its content, its open file and its share of the storage budget. */
export class SharedTask {
  readonly content: TaskContent;
  readonly fd: number;
  /** Deleted while handles were open: nothing is kept any more. */
  isDetached = false;
  readonly #budget: StorageBudget;
  readonly #pace: DiskPace;
  readonly #events: SharedTaskEvents;
  #handleCount = 0;
  #reservedBytes = 0;
  #busyCount = 0;
  #auditing: Promise<number> | undefined;

  constructor(
    content: TaskContent,
    fd: number,
    budget: StorageBudget,
    pace: DiskPace,
    events: SharedTaskEvents,
  ) {
    this.content = content;
    this.fd = fd;
    this.#budget = budget;
    this.#pace = pace;
    this.#events = events;
  }

  /** A new handle. */
  pin(): StoredTask {
    this.#handleCount += 1;
    return new TaskHandle(this);
  }

  /** Gives a handle back. */
  unpin(): void {
    this.#handleCount -= 1;
    this.closeIfIdle();
  }

  /** Whether it holds nothing and nobody uses it. */
  get isReplaceable(): boolean {
    return this.content.row.heldPieces === 0 && !this.isPinned;
  }

  /** Whether a handle is open. */
  get isPinned(): boolean {
    return this.#handleCount > 0;
  }

  setLength(lengthBytes: number): void {
    if (this.content.setLength(lengthBytes)) this.#events.recordChanged(this);
  }

  setProven(): void {
    if (this.content.row.isProven) return;
    this.content.row.isProven = true;
    this.#events.recordChanged(this);
  }

  /** Whether a request to open names another length or piece length than the record. */
  hasOtherShape({ pieceLengthBytes, lengthBytes }: OpenTaskRequest): boolean {
    const { row } = this.content;
    if (row.pieceLengthBytes !== pieceLengthBytes) return true;
    return lengthBytes !== undefined && (row.lengthBytes ?? lengthBytes) !== lengthBytes;
  }

  /** Takes over what a request to open knows and the record does not. */
  learn(request: OpenTaskRequest): void {
    if (this.hasOtherShape(request)) return;
    const { lengthBytes, mediaType } = request;
    if (lengthBytes !== undefined && this.content.canHaveLength(lengthBytes)) {
      this.setLength(lengthBytes);
    }
    if (mediaType === undefined || this.content.row.mediaType !== undefined) return;
    this.content.row.mediaType = mediaType;
    this.#events.recordChanged(this);
  }

  discard(): void {
    this.#budget.hold(-this.content.row.heldBytes);
    this.content.clear();
    this.content.row.fileStamp = undefined;
    this.content.row.isProven = false;
    this.#events.discarded(this);
  }

  reserve(lengthBytes: number): void {
    const { row } = this.content;
    const lackingBytes =
      row.lengthBytes === undefined
        ? Infinity
        : row.lengthBytes - row.heldBytes - this.#reservedBytes;
    const takenBytes = Math.min(lengthBytes, Math.max(0, lackingBytes));
    if (takenBytes <= 0) return;
    this.#budget.reserve(takenBytes);
    this.#reservedBytes += takenBytes;
  }

  release(lengthBytes: number): void {
    const givenBytes = Math.min(lengthBytes, this.#reservedBytes);
    this.#reservedBytes -= givenBytes;
    this.#budget.release(givenBytes);
  }

  commit(pieceIndex: number, certificate: Uint8Array): void {
    const addedBytes = this.content.add(pieceIndex, certificate);
    if (addedBytes === 0) return;
    this.release(addedBytes);
    this.#budget.hold(addedBytes);
    this.stampFile();
    this.#events.pieceChanged(this, pieceIndex, this.content.certificate(pieceIndex));
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    this.content.checkFree(offsetBytes, bytes.length);
    await this.#busy(async () => {
      for (let done = 0; done < bytes.length;) {
        const slice = bytes.subarray(done, done + WRITE_SLICE_LENGTH_BYTES);
        done += await this.#writeSlice(slice, offsetBytes + done);
      }
    });
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<number> {
    this.content.checkHeld(offsetBytes, target.length);
    await this.#busy(async () => {
      for (let done = 0; done < target.length;) {
        const lengthBytes = target.length - done;
        const result = await readFd(this.fd, target, done, lengthBytes, offsetBytes + done);
        if (result.bytesRead === 0) {
          throw new Error(`the file of task ${this.content.row.taskId} is shorter than its pieces`);
        }
        done += result.bytesRead;
      }
    });
    return target.length;
  }

  async recheck(pieceIndex: number): Promise<boolean> {
    return await this.#busy(async () => {
      const isRight = await this.#recheck(pieceIndex);
      if (isRight === false) this.#dropped(1);
      return isRight === true;
    });
  }

  #dropped(droppedPieces: number): void {
    this.#events.damaged(this, droppedPieces);
    if (hasOtherName(this.fd)) this.#events.givenUp(this);
  }

  /** As {@link recheck}; undefined for a piece that is not held. */
  async #recheck(pieceIndex: number): Promise<boolean | undefined> {
    const certificate = this.content.certificate(pieceIndex);
    if (certificate === undefined) return undefined;
    const span = this.content.span(pieceIndex);
    if (await hasPieceBytes(this.fd, span, certificate)) return true;
    if (this.content.certificate(pieceIndex) !== certificate) return undefined;
    this.#budget.hold(-this.content.remove(pieceIndex));
    this.content.row.isProven = false;
    this.#events.pieceChanged(this, pieceIndex, undefined);
    return false;
  }

  /** Notes the state of the file, which nobody writes to now; of a task that is not complete, that it has none. */
  stampFile(): void {
    const { row, isComplete } = this.content;
    row.fileStamp = isComplete ? fileStamp(this.fd) : undefined;
  }

  get isUntouched(): boolean {
    const { row, isComplete } = this.content;
    return !isComplete || row.fileStamp === fileStamp(this.fd);
  }

  async audit(): Promise<number> {
    if (this.isUntouched) return 0;
    this.#auditing ??= this.#busy(async () => await this.#auditAll()).finally(
      () => (this.#auditing = undefined),
    );
    return await this.#auditing;
  }

  async #auditAll(): Promise<number> {
    const stamp = fileStamp(this.fd);
    let droppedPieces = 0;
    for (const pieceIndex of this.content.have.clone()) {
      if ((await this.#recheck(pieceIndex)) === false) droppedPieces += 1;
    }
    if (droppedPieces > 0) {
      this.content.row.fileStamp = undefined;
      this.#dropped(droppedPieces);
    } else {
      this.content.row.fileStamp = stamp;
      this.#events.recordChanged(this);
    }
    return droppedPieces;
  }

  async #writeSlice(slice: Uint8Array, offsetBytes: number): Promise<number> {
    try {
      if (this.#pace.isAtOnce(this.content.row.lengthBytes)) {
        return this.#pace.run(() => writeSync(this.fd, slice, 0, slice.length, offsetBytes));
      }
      const result = await writeFd(this.fd, slice, 0, slice.length, offsetBytes);
      return result.bytesWritten;
    } catch (error) {
      throw storageErrorOf(error);
    }
  }

  /** The file stays open until no read, write or check of ours runs, even when the last handle goes first. */
  async #busy<T>(run: () => Promise<T>): Promise<T> {
    this.#busyCount += 1;
    try {
      return await run();
    } finally {
      this.#busyCount -= 1;
      this.closeIfIdle();
    }
  }

  /** Closes the task when nothing uses it any more. */
  closeIfIdle(): void {
    if (this.#handleCount > 0 || this.#busyCount > 0) return;
    this.release(this.#reservedBytes);
    this.#events.closed(this);
  }
}

class TaskHandle implements StoredTask {
  readonly #shared: SharedTask;
  #isDisposed = false;

  constructor(shared: SharedTask) {
    this.#shared = shared;
  }

  get record(): TaskRecord {
    return this.#task.content.row;
  }

  get have(): Bitmap {
    return this.#task.content.have;
  }

  get heldBytes(): number {
    return this.#task.content.row.heldBytes;
  }

  get isComplete(): boolean {
    return this.#task.content.isComplete;
  }

  get fd(): number {
    return this.#task.fd;
  }

  setLength(lengthBytes: number): void {
    this.#task.setLength(lengthBytes);
  }

  setProven(): void {
    this.#task.setProven();
  }

  async discard(): Promise<void> {
    this.#task.discard();
  }

  certificate(pieceIndex: number): Uint8Array | undefined {
    return this.#task.content.certificate(pieceIndex);
  }

  reserve(lengthBytes: number): void {
    this.#task.reserve(lengthBytes);
  }

  release(lengthBytes: number): void {
    this.#task.release(lengthBytes);
  }

  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    await this.#task.write(offsetBytes, bytes);
  }

  commit(pieceIndex: number, certificate: Uint8Array): void {
    this.#task.commit(pieceIndex, certificate);
  }

  async read(offsetBytes: number, target: Uint8Array): Promise<number> {
    return await this.#task.read(offsetBytes, target);
  }

  async recheck(pieceIndex: number): Promise<boolean> {
    return await this.#task.recheck(pieceIndex);
  }

  get isUntouched(): boolean {
    return this.#task.isUntouched;
  }

  async audit(): Promise<number> {
    return await this.#task.audit();
  }

  [Symbol.dispose](): void {
    if (this.#isDisposed) return;
    this.#isDisposed = true;
    this.#shared.unpin();
  }

  get #task(): SharedTask {
    if (this.#isDisposed) throw new Error("this handle of a task was disposed");
    return this.#shared;
  }
}
