import { isPieceLength, isTaskShape } from "../../protocol/piece-table.ts";
import { ERRORS } from "../../protocol/error-table.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import { parseTaskId, taskDigest } from "../../protocol/task-id.ts";
import type { Clock, Random } from "../../platform/clock.ts";
import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import type { OriginVersion } from "../../platform/origin/origin-version.ts";
import type { PieceStore, StoredTask } from "../../store/piece-store.ts";
import { StorageFullError } from "../../store/piece-store.ts";
import type { Holding, Joins, TaskFrame } from "./joins.ts";
import type { TaskRequest } from "./open-task.ts";
import { resolveAtOrigin } from "./origin-resolver.ts";
import type { Sessions } from "./sessions.ts";
import { TaskSession } from "./task-session.ts";
import type { TakeWhole } from "./whole-files.ts";
import { wholeFileOf } from "./whole-files.ts";

/** What is cut into fewer pieces is fetched whole, whatever part is asked for. */
const PART_PIECES_MIN = 4;

const UNFINISHED_LIFE_MS = 1000;

/** A task that was found, and how. */
export interface OpenedSession {
  readonly session: TaskSession;
  /** The supernode's answer; absent when this node asked the origin itself. */
  readonly frame: TaskFrame | undefined;
  /** The supernode waits for a word of what is held. */
  readonly mayHold?: boolean;
  /** False when the task turned out to be open here already. */
  readonly isNew: boolean;
}

export interface SessionOpenerDeps {
  readonly store: PieceStore;
  readonly sessions: Sessions;
  readonly joins: Joins;
  readonly fetch: OriginFetch;
  readonly clock: Clock;
  readonly random: Random;
  /** Waits a moment for the first connection; resolves to whether there is one. */
  whenConnected(signal: AbortSignal): Promise<boolean>;
  /** Whether what is held is what it was; takes the task out of use where it is not. */
  isSound(session: TaskSession): Promise<boolean>;
  /** Takes a task that failed out of use, so that it can begin anew. */
  retire(session: TaskSession): void;
  /** Resolves when sessions of the task that went out of use do no more. */
  retired(taskId: TaskId): Promise<void>;
  leave(task: number): void;
}

/** Finds out what a request means, from the supernode or else from the origin, and makes its session. */
export class SessionOpener {
  readonly #deps: SessionOpenerDeps;
  #isUnfinished = false;
  #unfinishedAtMs = -Infinity;

  constructor(deps: SessionOpenerDeps) {
    this.#deps = deps;
  }

  /**
   * `take` gets a file that comes whole with the answer, where nothing is held of it. Throws ProtocolError, or the
   * signal's reason.
   */
  async open(request: TaskRequest, signal: AbortSignal, take?: TakeWhole): Promise<OpenedSession> {
    const number = this.#deps.sessions.allot();
    try {
      const mayHold = request.taskId === undefined && this.#hasUnfinished();
      const frame = await this.#askSupernode(number, request, mayHold, signal);
      return { ...(await this.#openJoined(number, request, frame, take)), mayHold };
    } catch (error) {
      if (!mayAskOrigin(error, request)) throw error;
      return await this.#openAtOrigin(number, request, signal);
    }
  }

  /**
   * What the supernode says of a request, which the node takes part in then by that number until it leaves; undefined where the
   * request must be opened to be served. Throws as `open` does.
   */
  async ask(
    request: TaskRequest,
    signal: AbortSignal,
  ): Promise<{ readonly number: number; readonly frame: TaskFrame } | undefined> {
    if (request.taskId !== undefined || this.#hasUnfinished()) return undefined;
    const number = this.#deps.sessions.allot();
    try {
      return { number, frame: await this.#askSupernode(number, request, false, signal) };
    } catch (error) {
      if (!mayAskOrigin(error, request)) throw error;
      return undefined;
    }
  }

  async #askSupernode(
    number: number,
    request: TaskRequest,
    mayHold: boolean,
    signal: AbortSignal,
  ): Promise<TaskFrame> {
    if (!(await this.#deps.whenConnected(signal))) {
      throw new ProtocolError(
        "SUPERNODE_UNAVAILABLE",
        "no supernode can be reached; check --supernode and whether it runs",
      );
    }
    const holding = request.taskId && (await this.#holding(request.taskId));
    return await this.#deps.joins.ask(number, request, holding, mayHold, signal);
  }

  /** Whether something is held of a file whose URL may be meant; looked up now and then, for tasks may be many. */
  #hasUnfinished(): boolean {
    const { store, sessions, clock } = this.#deps;
    if (clock.nowMs() - this.#unfinishedAtMs < UNFINISHED_LIFE_MS) return this.#isUnfinished;
    this.#unfinishedAtMs = clock.nowMs();
    this.#isUnfinished = store.list().some(({ taskId, heldPieces, isProven }) => {
      const isLeft = heldPieces > 0 && !isProven && taskDigest(taskId) === undefined;
      // What is being fetched now is known to the supernode.
      return isLeft && !sessions.byTaskId(taskId);
    });
    return this.#isUnfinished;
  }

  async #isHeld(taskId: TaskId): Promise<boolean> {
    using stored = await this.#deps.store.find(taskId);
    return stored !== undefined;
  }

  async #holding(taskId: TaskId): Promise<Holding> {
    using stored = await this.#deps.store.find(taskId);
    return stored && holdingOf(stored);
  }

  /** Opens what was joined, and leaves it again when that does not make a session. */
  async #openJoined(
    number: number,
    request: TaskRequest,
    frame: TaskFrame,
    take: TakeWhole | undefined,
  ): Promise<OpenedSession> {
    let opened: OpenedSession | undefined;
    try {
      opened = await this.#openAnswered(number, request, frame, take);
      return opened;
    } finally {
      if (opened?.isNew !== true) {
        this.#deps.joins.takeEarly(number);
        this.#deps.leave(number);
      }
    }
  }

  async #openAnswered(
    number: number,
    request: TaskRequest,
    frame: TaskFrame,
    take: TakeWhole | undefined,
  ): Promise<OpenedSession> {
    const taskId = parseTaskId(frame.taskId);
    const isAsked = request.taskId === undefined || request.taskId === taskId;
    if (!taskId || !isAsked || !isShape(frame)) {
      throw new ProtocolError(
        "INTERNAL",
        "the supernode answered with a task that was not asked for",
      );
    }
    const existing = await this.#usable(taskId);
    if (existing) {
      if (frame.admission) existing.admission?.replace(frame.admission);
      return { session: existing, frame: undefined, isNew: false };
    }
    const file = take && wholeFileOf(frame);
    if (file && !(await this.#isHeld(taskId))) take(file);
    const version = {
      lengthBytes: frame.lengthBytes,
      etag: undefined,
      lastModified: undefined,
    };
    return await this.#make(number, request, { ...frame, taskId }, version, frame);
  }

  async #openAtOrigin(
    number: number,
    request: TaskRequest,
    signal: AbortSignal,
  ): Promise<OpenedSession> {
    const { taskId, pieceLengthBytes, metadata } = await resolveAtOrigin(
      request,
      this.#deps,
      signal,
    );
    const existing = await this.#usable(taskId);
    if (existing) return { session: existing, frame: undefined, isNew: false };
    const { lengthBytes } = metadata;
    if (lengthBytes !== undefined && !isTaskShape(lengthBytes, pieceLengthBytes)) {
      throw new ProtocolError(
        "TASK_TOO_LARGE",
        `the content has ${lengthBytes} bytes, more than a task may have`,
      );
    }
    const mediaType = metadata.mediaType;
    const described = { taskId, pieceLengthBytes, lengthBytes, mediaType };
    return await this.#make(number, request, described, metadata, undefined);
  }

  async #usable(taskId: TaskId): Promise<TaskSession | undefined> {
    const existing = this.#deps.sessions.byTaskId(taskId);
    if (existing && !existing.failure && (await this.#deps.isSound(existing))) return existing;
    if (existing) this.#deps.retire(existing);
    await this.#deps.retired(taskId);
    return this.#deps.sessions.byTaskId(taskId);
  }

  async #make(
    number: number,
    request: TaskRequest,
    described: {
      readonly taskId: TaskId;
      readonly pieceLengthBytes: number;
      readonly lengthBytes?: number | undefined;
      readonly mediaType?: string | undefined;
    },
    version: OriginVersion,
    frame: TaskFrame | undefined,
  ): Promise<OpenedSession> {
    const { sessions } = this.#deps;
    const stored = await this.#openStored(described);
    // Another request may have led to the same task meanwhile; two sessions would write to one file.
    const existing = sessions.byTaskId(described.taskId);
    if (existing && !existing.failure) {
      stored[Symbol.dispose]();
      return { session: existing, frame: undefined, isNew: false };
    }
    if (described.lengthBytes !== undefined && stored.record.lengthBytes === undefined) {
      stored.setLength(described.lengthBytes);
    }
    const session = new TaskSession({
      number,
      taskId: described.taskId,
      stored,
      origin: request.origin,
      identity: request.identity,
      mayUseOrigin: request.backSource !== false,
      isPart: request.isPart,
      version,
      limitBytesPerSecond: request.limitBytesPerSecond,
      admission: frame?.admission,
      lastModified: frame?.lastModified,
    });
    const resting = sessions.restingNumber(described.taskId);
    if (resting !== undefined) this.#deps.leave(resting);
    sessions.add(session);
    return { session, frame, isNew: true };
  }

  /** Pieces cut another way than the others cut them are of no use; they are dropped. */
  async #openStored(described: {
    readonly taskId: TaskId;
    readonly pieceLengthBytes: number;
    readonly lengthBytes?: number | undefined;
    readonly mediaType?: string | undefined;
  }): Promise<StoredTask> {
    try {
      const stored = await this.#deps.store.open(described);
      const { pieceLengthBytes, lengthBytes } = stored.record;
      const isSame =
        pieceLengthBytes === described.pieceLengthBytes &&
        (lengthBytes ?? described.lengthBytes) === (described.lengthBytes ?? lengthBytes);
      if (isSame) return stored;
      stored[Symbol.dispose]();
      await this.#deps.store.delete(described.taskId);
      return await this.#deps.store.open(described);
    } catch (error) {
      if (!(error instanceof StorageFullError)) throw error;
      throw new ProtocolError(
        "STORAGE_FULL",
        `the pieces cannot be stored: ${error.message}`,
        {},
        error,
      );
    }
  }
}

/** Whether only parts are to be fetched: not of what has so few pieces that the parts are most of it. */
export function isPartOf({ pieceCount }: TaskSession, { isPart }: TaskRequest): boolean {
  return isPart === true && pieceCount !== undefined && pieceCount >= PART_PIECES_MIN;
}

/** What a stored task tells the supernode when it is joined again. */
export function holdingOf(stored: StoredTask): NonNullable<Holding> | undefined {
  if (stored.have.count === 0) return undefined;
  const { pieceLengthBytes, lengthBytes } = stored.record;
  return { pieceLengthBytes, lengthBytes, have: stored.have.toBytes() };
}

function mayAskOrigin(error: unknown, request: TaskRequest): boolean {
  return (
    error instanceof ProtocolError &&
    ERRORS[error.code].retry === "origin" &&
    request.origin !== undefined &&
    request.backSource !== false &&
    error.code !== "STORAGE_FULL"
  );
}

function isShape(frame: TaskFrame): boolean {
  if (frame.lengthBytes === undefined) return isPieceLength(frame.pieceLengthBytes);
  return isTaskShape(frame.lengthBytes, frame.pieceLengthBytes);
}
