import type { Bitmap } from "../../protocol/bitmap.ts";
import { taskDigest } from "../../protocol/task-id.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseCertificate } from "../../protocol/piece-certificate.ts";
import { pieceCount, pieceSpan } from "../../protocol/piece-table.ts";
import type { PieceSpan } from "../../protocol/piece-table.ts";
import type { ProtocolError } from "../../protocol/protocol-error.ts";
import { TokenBucket } from "../../platform/token-bucket.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import { SessionAdmission } from "./session-admission.ts";
import type { ByteSource, TaskProgress, TaskRequest } from "./open-task.ts";

/** Where a piece was received from. */
export type PieceSource = "seed" | "peers" | "origin";

/** A reader's place in a task. */
export interface ReaderCursor {
  /** The next piece it needs. */
  piece: number;
  /** The last piece it will need. */
  readonly lastPiece: number;
}

/** One task at this node: what is held, who waits for it, how it ended. It does no I/O of its own. */
export class TaskSession {
  /** The number by which swarm, supernode and neighbours know the task at this node; never reused. */
  readonly number: number;
  readonly taskId: TaskId;
  readonly stored: StoredTask;
  readonly origin: TaskRequest["origin"];
  readonly identity: TaskRequest["identity"];
  readonly mayUseOrigin: boolean;
  /** Only what readers wait for is fetched. Readers of the whole are not among them; see `Peer.open`. */
  isPart: boolean;
  /** What the origin said of the content when the task began; parts of another version do not fit. */
  readonly version: OriginVersion;
  /** Limits what is received. */
  readonly bucket = new TokenBucket();
  #askedBytesPerSecond: number;
  /** When the origin said that the content was last modified, in its words. */
  readonly lastModified: string | undefined;
  readonly #receivedBytes = { seed: 0, peers: 0, origin: 0 };
  readonly #pieceSources = new Map<number, PieceSource>();
  /** Pieces that were written, or found to be right, in the present age and the one before. */
  #fresh = new Set<number>();
  #aging = new Set<number>();
  readonly #watchers = new Set<() => void>();
  readonly #heldAtOpening: Bitmap;
  #failure: ProtocolError | undefined;
  #userCount = 0;
  #isLetGo = false;
  readonly #over = new AbortController();
  /**
   * Whether the whole has to be hashed here before it counts as proven: some pieces did not come, one
   * after the other, under the eyes of one supernode that withholds the last until it has proven all.
   */
  needsWholeCheck: boolean;
  /** The pieces that in-order readers wait for. */
  readonly cursors = new Set<ReaderCursor>();
  /** What this node shows to those who hold pieces of a private task; undefined where it has none. */
  admission: SessionAdmission | undefined;
  /** Why the origin gave nothing when it was last read; undefined once a piece came. */
  trouble: string | undefined;
  /** When the last reader left, or the last neighbour needed something. */
  lastUsedMs = 0;

  constructor(init: {
    number: number;
    taskId: TaskId;
    stored: StoredTask;
    origin: TaskRequest["origin"];
    identity: TaskRequest["identity"];
    mayUseOrigin: boolean;
    isPart?: boolean | undefined;
    version: OriginVersion;
    limitBytesPerSecond?: number | undefined;
    admission?: Uint8Array | undefined;
    lastModified?: string | undefined;
  }) {
    this.number = init.number;
    this.taskId = init.taskId;
    this.stored = init.stored;
    this.origin = init.origin;
    this.identity = init.identity;
    this.mayUseOrigin = init.mayUseOrigin;
    this.isPart = init.isPart ?? false;
    this.version = init.version;
    this.#askedBytesPerSecond = init.limitBytesPerSecond ?? 0;
    this.admission = init.admission && new SessionAdmission(init.admission);
    this.lastModified = init.lastModified ?? init.version.lastModified;
    this.#heldAtOpening = this.stored.have.clone();
    this.needsWholeCheck = this.stored.have.count > 0 && !this.stored.record.isProven;
  }

  /** The limit that its readers asked for; 0 when one of them asked for none. */
  get askedBytesPerSecond(): number {
    return this.#askedBytesPerSecond;
  }

  /** Another reader comes, who shall not wait for the sake of the others' limits. */
  relaxLimit(bytesPerSecond: number): void {
    const asked = this.#askedBytesPerSecond;
    this.#askedBytesPerSecond =
      asked === 0 || bytesPerSecond === 0 ? 0 : Math.max(asked, bytesPerSecond);
  }

  get lengthBytes(): number | undefined {
    return this.stored.record.lengthBytes;
  }

  get pieceLengthBytes(): number {
    return this.stored.record.pieceLengthBytes;
  }

  /** How many pieces the task has; undefined while its length is not known. */
  get pieceCount(): number | undefined {
    return this.lengthBytes === undefined
      ? undefined
      : pieceCount(this.lengthBytes, this.pieceLengthBytes);
  }

  /** Whether every byte is here; it may still have to be proven. */
  get isFull(): boolean {
    return this.pieceCount !== undefined && this.stored.have.count >= this.pieceCount;
  }

  /** Whether every byte is here and known to be what was asked for. */
  get isComplete(): boolean {
    return this.isFull && this.stored.record.isProven;
  }

  get failure(): ProtocolError | undefined {
    return this.#failure;
  }

  /** Whether somebody reads it or is being sent a piece of it. */
  get isUsed(): boolean {
    return this.#userCount > 0;
  }

  /** Keeps its file open, whatever becomes of the task, until what is returned is disposed. */
  use(): Disposable {
    const ending = new DisposableStack();
    this.#userCount += 1;
    ending.defer(() => {
      this.#userCount -= 1;
      this.#closeIfUnused();
    });
    return ending;
  }

  /** Aborts when the task is over: nothing may be written any more. */
  get over(): AbortSignal {
    return this.#over.signal;
  }

  /** The task is over; who reads what is held may go on. */
  end(): void {
    this.#over.abort(this.#failure);
  }

  /** Nothing writes any more: the file is let go of when nobody uses it. */
  letGo(): void {
    this.#isLetGo = true;
    this.#closeIfUnused();
  }

  /** The span of a piece; of the full piece length where the end is not known. */
  span(piece: number): PieceSpan {
    return pieceSpan(piece, this.lengthBytes ?? Number.MAX_SAFE_INTEGER, this.pieceLengthBytes);
  }

  /** Where the bytes of a piece came from. */
  sourceOf(piece: number): ByteSource {
    return this.#heldAtOpening.has(piece) ? "disk" : (this.#pieceSources.get(piece) ?? "disk");
  }

  /**
   * Whether a reader that was given all bytes up to the end may be told that this was all. Only the proof
   * says so of content with a digest that has no last piece to be kept back, or whose last piece
   * was not known to be the last.
   */
  get isEndCertain(): boolean {
    if (this.isPart) return true;
    if (taskDigest(this.taskId) === undefined || this.stored.record.isProven) return true;
    return this.pieceCount! > 0 && this.isReadable(this.pieceCount! - 1);
  }

  /**
   * Whether a piece may be given to a reader: the last one only when the whole is proven, except to those who read
   * parts, whom no digest tells that theirs is right either.
   */
  isReadable(piece: number): boolean {
    if (!this.stored.have.has(piece)) return false;
    if (this.isPart) return true;
    if (taskDigest(this.taskId) === undefined || this.stored.record.isProven) return true;
    const { have } = this.stored;
    // While the length is not known, what has nothing behind it may be the last.
    const isLast =
      this.pieceCount === undefined
        ? have.firstPresent(piece + 1) < 0
        : piece === this.pieceCount - 1;
    return !isLast || (!this.needsWholeCheck && this.#isVouchedFor(piece));
  }

  /** A verified piece was written: it counts from now on. */
  commit(piece: number, certificate: Uint8Array, source: PieceSource): void {
    if (this.stored.have.has(piece)) return;
    const { lengthBytes } = this.span(piece);
    this.stored.commit(piece, certificate);
    this.trouble = undefined;
    this.#receivedBytes[source] += lengthBytes;
    this.#pieceSources.set(piece, source);
    this.refresh(piece);
    this.changed();
  }

  /** Whether a piece was written or checked a short while ago, so that it will be on the disk as it was. */
  isFresh(piece: number): boolean {
    return this.#fresh.has(piece) || this.#aging.has(piece);
  }

  /** The piece is what its certificate says, as far as is known now. */
  refresh(piece: number): void {
    this.#fresh.add(piece);
  }

  /** Time has gone by: what was not refreshed since the last call is fresh no longer. */
  age(): void {
    this.#aging = this.#fresh;
    this.#fresh = new Set();
  }

  /** Ends the task for every reader. */
  fail(error: ProtocolError): void {
    this.#failure ??= error;
    this.changed();
  }

  /** Wakes whoever waits for a change. */
  changed(): void {
    for (const watcher of this.#watchers) watcher();
  }

  /**
   * Waits until `isDone` is true, looking again after each change. Rejects with the failure of the task
   * or the reason of the signal.
   */
  async until(isDone: () => boolean, signal: AbortSignal): Promise<void> {
    const check = (): boolean => {
      signal.throwIfAborted();
      if (this.#isLetGo && this.#failure) throw this.#failure;
      if (isDone()) return true;
      if (this.#failure) throw this.#failure;
      return false;
    };
    while (!check()) {
      const { promise, resolve } = Promise.withResolvers<void>();
      const wake = (): void => resolve();
      this.#watchers.add(wake);
      signal.addEventListener("abort", wake, { once: true });
      try {
        await promise;
      } finally {
        this.#watchers.delete(wake);
        signal.removeEventListener("abort", wake);
      }
    }
  }

  progress(): TaskProgress {
    return {
      lengthBytes: this.lengthBytes,
      heldBytes: this.stored.heldBytes,
      receivedBytes: { ...this.#receivedBytes },
      trouble: this.trouble,
    };
  }

  #closeIfUnused(): void {
    if (this.#isLetGo && this.#userCount === 0) this.stored[Symbol.dispose]();
  }

  #isVouchedFor(piece: number): boolean {
    const bytes = this.stored.certificate(piece);
    return bytes !== undefined && parseCertificate(bytes)?.kind === "supernode";
  }
}
