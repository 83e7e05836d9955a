import type { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { WholeFile } from "./content-link.ts";
import type { ByteSource, OpenTask, TaskProgress } from "./open-task.ts";
import { canClone, cloneContent, copyContent, linkContent } from "./content-link.ts";
import type { ReaderEvents } from "./task-reader.ts";
import { readTask } from "./task-reader.ts";
import type { TaskSession } from "./task-session.ts";

/** Made once: a new one for each task that is closed would cost more than the closing. */
const CLOSED = new DOMException("the task was closed", "AbortError");

/** One caller's hold on a session. */
export class TaskHandle implements OpenTask {
  readonly completed: Promise<void>;
  readonly #session: TaskSession;
  readonly #events: ReaderEvents;
  readonly #closed: () => void;
  readonly #use: Disposable;
  #receivedBefore: TaskProgress["receivedBytes"] = { seed: 0, peers: 0, origin: 0 };
  readonly #closing = new AbortController();

  /** `isOld` leaves out of account what was received before; `closed` is called once at the end. */
  constructor(session: TaskSession, isOld: boolean, events: ReaderEvents, closed: () => void) {
    this.#session = session;
    if (isOld) this.#receivedBefore = session.progress().receivedBytes;
    this.#events = events;
    this.#closed = closed;
    this.#use = session.use();
    this.completed = session.until(() => session.isComplete, this.#closing.signal);
    // Not every caller waits for the end.
    this.completed.catch(() => undefined);
  }

  get taskId(): TaskId {
    return this.#session.taskId;
  }

  get lengthBytes(): number | undefined {
    return this.#session.lengthBytes;
  }

  get mediaType(): string | undefined {
    return this.#session.stored.record.mediaType;
  }

  get lastModified(): string | undefined {
    return this.#session.lastModified;
  }

  get firstSource(): ByteSource {
    return this.#session.sourceOf(0);
  }

  sourceAt(offsetBytes: number): ByteSource {
    return this.#session.sourceOf(Math.floor(offsetBytes / this.#session.pieceLengthBytes));
  }

  get failure(): ProtocolError | undefined {
    return this.#session.failure;
  }

  read(
    range: { readonly firstByte: number; readonly lastByte?: number | undefined },
    signal: AbortSignal,
  ): AsyncIterable<Uint8Array> {
    const ended = AbortSignal.any([signal, this.#closing.signal]);
    return readTask(this.#session, range, ended, this.#events);
  }

  inMemory(): Uint8Array | undefined {
    return this.#session.isComplete ? this.#events.inMemory?.() : undefined;
  }

  progress(): TaskProgress {
    const { receivedBytes, ...progress } = this.#session.progress();
    const { seed, peers, origin } = this.#receivedBefore;
    return {
      ...progress,
      receivedBytes: {
        seed: receivedBytes.seed - seed,
        peers: receivedBytes.peers - peers,
        origin: receivedBytes.origin - origin,
      },
    };
  }

  async linkTo(path: string): Promise<boolean> {
    return (await this.#isWholeAndSound()) && (await linkContent(this.#file, path));
  }

  async cloneTo(path: string): Promise<boolean> {
    return (await this.#isWholeAndSound()) && (await cloneContent(this.#file, path));
  }

  async copyTo(path: string): Promise<boolean> {
    return (await this.#isWholeAndSound()) && (await copyContent(this.#file, path));
  }

  async canCloneTo(path: string): Promise<boolean> {
    return await canClone(this.#session.stored.fd, path);
  }

  /** Also when somebody has written to the file since it was complete. */
  async #isWholeAndSound(): Promise<boolean> {
    if (this.#session.isComplete) await this.#events.checkSound(0);
    return this.#session.isComplete && !this.#session.failure;
  }

  get #file(): WholeFile {
    return { fd: this.#session.stored.fd, lengthBytes: this.#session.lengthBytes };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort(CLOSED);
    this.#closed();
    this.#use[Symbol.dispose]();
  }
}
