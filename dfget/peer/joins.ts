import { isErrorCode } from "../../protocol/error-table.ts";
import type { NodeFrame, SupernodeFrame } from "../../protocol/node-frames.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { NOT_NEEDED } from "../../platform/abortable.ts";
import type { Clock } from "../../platform/clock.ts";
import type { TaskRequest } from "./open-task.ts";

export type TaskFrame = Extract<SupernodeFrame, { kind: "task" }>;
export type AbortFrame = Extract<SupernodeFrame, { kind: "abort" }>;
export type Holding = Extract<NodeFrame, { kind: "join" }>["holding"];

/** How long a supernode may take to answer; it has its own time limits for the origin within this. */
const ANSWER_MS_MAX = 60_000;
/** After this it is asked whether it is there at all. */
const DOUBT_MS = 2000;
/** Frames kept for a task between its answer and the moment that it is open. */
const EARLY_FRAMES_MAX = 512;

interface PendingJoin {
  resolve(frame: TaskFrame): void;
  reject(error: ProtocolError): void;
}

/** The joins that a supernode has not answered yet, and what it said meanwhile. */
export class Joins {
  readonly #send: (frame: NodeFrame) => boolean;
  readonly #doubt: () => void;
  readonly #clock: Clock;
  readonly #pending = new Map<number, PendingJoin>();
  readonly #early = new Map<number, SupernodeFrame[]>();

  /** `doubt` is called when an answer is long in coming. */
  constructor(deps: { send(frame: NodeFrame): boolean; doubt(): void; clock: Clock }) {
    this.#send = (frame) => deps.send(frame);
    this.#doubt = () => deps.doubt();
    this.#clock = deps.clock;
  }

  /**
   * Asks to take part in a task and waits for the answer. Throws ProtocolError: what the supernode
   * says, or SUPERNODE_UNAVAILABLE when there is none or it does not answer.
   */
  async ask(
    task: number,
    request: TaskRequest,
    holding: Holding,
    mayHold: boolean,
    signal: AbortSignal,
  ): Promise<TaskFrame> {
    const { promise, resolve, reject } = Promise.withResolvers<TaskFrame>();
    this.#pending.set(task, { resolve, reject });
    this.#early.set(task, []);
    const over = new AbortController();
    const leave = (): void => {
      reject(new ProtocolError("SUPERNODE_UNAVAILABLE", "the caller no longer waits"));
      this.#send({ kind: "leave", task });
    };
    signal.addEventListener("abort", leave, { once: true });
    this.#watch(over.signal).then(reject, () => undefined);
    try {
      const frame = joinFrame(task, request, holding);
      if (!this.#send(mayHold ? { ...frame, mayHold } : frame))
        throw unavailable("no supernode is connected");
      return await promise;
    } catch (error) {
      this.#early.delete(task);
      signal.throwIfAborted();
      throw error;
    } finally {
      over.abort(NOT_NEEDED);
      signal.removeEventListener("abort", leave);
      this.#pending.delete(task);
    }
  }

  /** Resolves to an error when no answer has come for too long. */
  async #watch(over: AbortSignal): Promise<ProtocolError> {
    await this.#clock.sleep(DOUBT_MS, over);
    this.#doubt();
    await this.#clock.sleep(ANSWER_MS_MAX - DOUBT_MS, over);
    return unavailable("the supernode did not answer in time");
  }

  /** Takes an answer. Returns false when nobody waits for it. */
  answered(frame: TaskFrame): boolean {
    const pending = this.#take(frame.task);
    pending?.resolve(frame);
    return pending !== undefined;
  }

  /** Takes a refusal. Returns false when nobody waits for it. */
  refused(frame: AbortFrame): boolean {
    const pending = this.#take(frame.task);
    pending?.reject(abortError(frame));
    return pending !== undefined;
  }

  /** Keeps a frame for a task that is about to be opened. Returns false when it is not. */
  keep(task: number, frame: SupernodeFrame): boolean {
    const early = this.#early.get(task);
    if (early && early.length < EARLY_FRAMES_MAX) early.push(frame);
    return early !== undefined;
  }

  /** The task is open, or never will be: what was kept for it. */
  takeEarly(task: number): readonly SupernodeFrame[] {
    const early = this.#early.get(task) ?? [];
    this.#early.delete(task);
    return early;
  }

  /** What comes next about the task is no answer, even if it is read before the answer is acted on. */
  #take(task: number): PendingJoin | undefined {
    const pending = this.#pending.get(task);
    this.#pending.delete(task);
    return pending;
  }

  /** The supernode is gone. */
  lost(): void {
    for (const pending of this.#pending.values()) {
      pending.reject(unavailable("the supernode is gone"));
    }
  }
}

/** The frame by which a node asks to take part in a task. */
export function joinFrame(
  task: number,
  request: TaskRequest,
  holding: Holding,
  admission?: Uint8Array,
): Extract<NodeFrame, { kind: "join" }> {
  return {
    kind: "join",
    task,
    taskId: request.taskId,
    origin: request.origin && {
      url: request.origin.url,
      headers: [...request.origin.headers].map(([name, value]) => ({ name, value })),
    },
    identity: request.identity,
    pieceLengthBytes: request.pieceLengthBytes,
    holding,
    admission,
    answerAgeMs: request.answerAgeMs,
    ...(request.isPart === true ? { isPart: true } : {}),
    wholeBytesMax: request.wholeBytesMax,
  };
}

/** What the supernode says of a task that cannot be had. */
export function abortError(frame: AbortFrame): ProtocolError {
  const code = isErrorCode(frame.code) ? frame.code : "INTERNAL";
  return new ProtocolError(code, frame.message, {
    originStatus: frame.originStatus,
    challenge: frame.challenge,
  });
}

function unavailable(message: string): ProtocolError {
  return new ProtocolError("SUPERNODE_UNAVAILABLE", message);
}
