import type { ByteSource, OpenTask, SmallContent, TaskRequest } from "../dfget/peer/open-task.ts";
import { SMALL_LENGTH_BYTES_MAX } from "../dfget/peer/small-contents.ts";
import { abortable } from "../platform/abortable.ts";
import { sha256Digest } from "../platform/digest-check.ts";
import type { ProtocolError } from "../protocol/protocol-error.ts";
import type { Digest } from "../protocol/digest.ts";
import type { TaskId } from "../protocol/task-id.ts";
import { digestTaskId, privateTaskId } from "../protocol/task-id.ts";
import type { Swarm } from "./swarm.ts";

/** A content that the swarm in memory can serve, and how it behaves. */
export interface MemoryContent {
  readonly bytes: Uint8Array;
  readonly mediaType?: string;
  readonly source?: ByteSource;
  readonly isLocal?: boolean;
  readonly hasUnknownLength?: boolean;
  /** How many bytes a step gives. */
  readonly stepBytes?: number;
  /** Reading fails with it at that offset. */
  readonly failure?: { readonly atByte: number; readonly error: Error };
  /** What the task says of its failure. */
  readonly taskFailure?: ProtocolError;
  /** Reading waits for it at that offset. */
  readonly pause?: { readonly atByte: number; readonly until: Promise<void> };
}

const FILE = `url:${"0".repeat(64)}` as TaskId;

/** A swarm of one, in memory: the twin of the peer for tests. */
export class MemorySwarm implements Swarm {
  readonly #contents = new Map<TaskId, MemoryContent>();
  /** Files, by their URL; each asker gets them whatever headers he sends. */
  readonly urls = new Map<string, MemoryContent>();
  /** Every request for what was not local. */
  readonly requests: TaskRequest[] = [];
  /** Tasks that are open now. */
  openCount = 0;
  /** Reads that have begun and neither ended nor been aborted. */
  readingCount = 0;
  /** Decides about requests for content that is not here. */
  refuse: (request: TaskRequest, signal: AbortSignal) => Promise<ProtocolError>;

  constructor(refuse: (request: TaskRequest, signal: AbortSignal) => Promise<ProtocolError>) {
    this.refuse = refuse;
  }

  /** Adds a content, a private one where a scope is given, and returns its digest. */
  add(
    content: MemoryContent,
    scope?: string,
    digest: Digest = sha256Digest(content.bytes),
  ): Digest {
    const taskId = scope === undefined ? digestTaskId(digest) : privateTaskId(digest, scope);
    this.#contents.set(taskId, content);
    return digest;
  }

  async open(request: TaskRequest, signal: AbortSignal): Promise<OpenTask> {
    signal.throwIfAborted();
    this.requests.push(request);
    const { taskId = FILE, origin } = request;
    const content = request.taskId
      ? this.#contents.get(request.taskId)
      : this.urls.get(origin?.url ?? "");
    if (!content) throw await this.refuse(request, signal);
    return this.#task(taskId, content);
  }

  async openLocal(taskId: TaskId): Promise<OpenTask | undefined> {
    const content = this.#contents.get(taskId);
    return content?.isLocal === true ? this.#task(taskId, content) : undefined;
  }

  async readSmall(taskId: TaskId): Promise<SmallContent | undefined> {
    const content = this.#contents.get(taskId);
    // What can fail on the way is read in steps.
    if (content?.isLocal !== true || content.failure || content.pause) return undefined;
    const { bytes, mediaType } = content;
    if (bytes.length > SMALL_LENGTH_BYTES_MAX) return undefined;
    return { bytes, mediaType, source: "disk" };
  }

  #task(taskId: TaskId, content: MemoryContent): OpenTask {
    const { bytes, mediaType } = content;
    this.openCount += 1;
    return {
      taskId,
      lengthBytes: content.hasUnknownLength === true ? undefined : bytes.length,
      mediaType,
      firstSource: content.source ?? "peers",
      sourceAt: () => content.source ?? "peers",
      read: (range, signal) => this.#read(content, range, signal),
      completed: Promise.resolve(),
      failure: content.taskFailure,
      progress: () => ({
        lengthBytes: bytes.length,
        heldBytes: bytes.length,
        receivedBytes: { seed: 0, peers: 0, origin: 0 },
      }),
      [Symbol.asyncDispose]: async () => {
        this.openCount -= 1;
      },
    };
  }

  async *#read(
    content: MemoryContent,
    range: { readonly firstByte: number; readonly lastByte?: number | undefined },
    signal: AbortSignal,
  ): AsyncGenerator<Uint8Array> {
    const { bytes, failure, pause, stepBytes = 64 * 1024 } = content;
    const end = Math.min(bytes.length, (range.lastByte ?? Infinity) + 1);
    // One buffer for all steps: whoever keeps a view past its step reads other bytes.
    const buffer = new Uint8Array(stepBytes);
    this.readingCount += 1;
    try {
      for (let offset = range.firstByte; offset < end;) {
        if (pause && offset >= pause.atByte) await abortable(pause.until, signal);
        signal.throwIfAborted();
        if (failure && offset >= failure.atByte) throw failure.error;
        const stops = [end, offset + stepBytes, failure?.atByte, pause?.atByte];
        const stop = Math.min(
          ...(stops.filter((at) => at !== undefined && at > offset) as number[]),
        );
        buffer.set(bytes.subarray(offset, stop));
        yield buffer.subarray(0, stop - offset);
        offset = stop;
      }
    } finally {
      this.readingCount -= 1;
      buffer.fill(0);
    }
  }
}
