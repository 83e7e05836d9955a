import { Bitmap } from "../../protocol/bitmap.ts";
import { pieceCount } from "../../protocol/piece-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { Task } from "../scheduler/scheduler.ts";
import type { SchedulerDriver } from "../scheduler-driver.ts";

/** What a node has to know of a task before it can fetch. */
export interface TaskShape {
  /** Undefined until the end of a content of unknown length was reached. */
  readonly lengthBytes: number | undefined;
  readonly pieceLengthBytes: number;
  readonly mediaType: string | undefined;
}

/** What the seed has of a task, and what the scheduler was told of it. */
export class TaskPieces {
  readonly #taskId: TaskId;
  readonly #number: Task;
  readonly #driver: SchedulerDriver;
  #shape: TaskShape | undefined;
  #stored: StoredTask | undefined;
  #ready = new Bitmap(0);

  constructor(taskId: TaskId, number: Task, driver: SchedulerDriver) {
    this.#taskId = taskId;
    this.#number = number;
    this.#driver = driver;
  }

  /** Undefined while nobody has told it. */
  get shape(): TaskShape | undefined {
    return this.#shape;
  }

  /** The task in the store, pinned; undefined where only peers hold it or nobody needs it. */
  get stored(): StoredTask | undefined {
    return this.#stored;
  }

  /** The pieces that may be handed out. */
  get ready(): Bitmap {
    return this.#ready;
  }

  /** Whether the seed has a piece and may hand it out; on the disk it may have been lost since. */
  isHeld(piece: number): boolean {
    return this.#ready.has(piece) && this.#stored?.have.has(piece) === true;
  }

  /** How many pieces may be handed out. */
  get readyCount(): number {
    return this.#ready.count;
  }

  /** How many pieces the task has, as far as is known; 0 without a shape. */
  get count(): number {
    if (!this.#shape) return 0;
    const { lengthBytes, pieceLengthBytes } = this.#shape;
    return lengthBytes === undefined
      ? this.#ready.length
      : pieceCount(lengthBytes, pieceLengthBytes);
  }

  /**
   * Takes over a handle of the store: its shape is the task's, and the pieces that it holds can be handed out. Throws
   * ProtocolError ORIGIN_CHANGED when the task was said to have another shape.
   */
  take(stored: StoredTask): void {
    this.release();
    this.#stored = stored;
    const { lengthBytes, pieceLengthBytes, mediaType } = stored.record;
    this.adopt({ lengthBytes, pieceLengthBytes, mediaType });
    for (const pieceIndex of stored.have) this.offer(pieceIndex);
  }

  /** Takes a shape, which a node that holds the whole told. Throws as `take` does. */
  adopt(shape: TaskShape): void {
    const known = this.#shape;
    if (!known) {
      this.#shape = shape;
      const count = shape.lengthBytes === undefined ? 0 : this.count;
      this.#driver.openTask(this.#number, count, shape.pieceLengthBytes);
      return;
    }
    const isSame =
      known.pieceLengthBytes === shape.pieceLengthBytes &&
      (known.lengthBytes ?? shape.lengthBytes) === shape.lengthBytes;
    if (!isSame) {
      throw new ProtocolError(
        "ORIGIN_CHANGED",
        `${this.#taskId} is not cut as the nodes said that hold it; ask for it again`,
      );
    }
    this.#shape = { ...shape, mediaType: shape.mediaType ?? known.mediaType };
  }

  /** The piece may be handed out. */
  offer(pieceIndex: number): void {
    if (pieceIndex >= this.#ready.length) {
      this.#ready.grow(pieceIndex + 1);
      if (this.#shape?.lengthBytes === undefined) {
        this.#driver.growTask(this.#number, pieceIndex + 1);
      }
    }
    if (this.#ready.add(pieceIndex)) this.#driver.pieceReady(this.#number, pieceIndex);
  }

  /** The end of a content of unknown length was reached. */
  setLength(lengthBytes: number): void {
    this.#shape = { ...this.#shape!, lengthBytes };
    this.#driver.growTask(this.#number, this.count);
  }

  /** Lets the store evict the task; what the scheduler was told stays until `forget`. */
  release(): void {
    this.#stored?.[Symbol.dispose]();
    this.#stored = undefined;
  }

  /** The store has the pieces no longer: the scheduler begins anew, without members. */
  forget(): void {
    this.release();
    this.#ready = new Bitmap(0);
    this.#driver.closeTask(this.#number);
    if (this.#shape) this.#driver.openTask(this.#number, this.count, this.#shape.pieceLengthBytes);
  }

  /** The task is over. */
  close(): void {
    this.#driver.closeTask(this.#number);
  }
}
