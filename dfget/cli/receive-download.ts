import type { Clock } from "../../platform/clock.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { DownloadEvent, ReceivedBytes } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { ChecksumCheck } from "./checksum.ts";
import { failureOf } from "./daemon-client.ts";
import type { DeliveryPace } from "./delivery-pace.ts";
import type { DownloadParts } from "./download-engine.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { RateMeter } from "./rate-meter.ts";
import type { FileReporter } from "./reporter.ts";
import type { Placed, Target } from "./target-file.ts";

export interface ReceiveDeps {
  readonly target: Target;
  readonly reporter: FileReporter;
  readonly clock: Clock;
  readonly plan: Pick<DownloadPlan, "checksum" | "name" | "range">;
  readonly pace: DeliveryPace;
}

/** What has arrived, whole and checked. */
export interface ReceivedContent {
  readonly taskId: string;
  readonly lengthBytes: number;
  readonly receivedBytes: ReceivedBytes;
  readonly lastModified: string | undefined;
  /** What stands at the target's link path in place of what was written. */
  readonly placed: Placed | undefined;
}

/** Whoever sent the content went away before its end; more of it can be asked for. */
export class BrokenOffError extends Error {
  override readonly name = "BrokenOffError";
}

/** The content that an attempt found is not the one of which a part has been written. */
export class OtherContentError extends Error {
  override readonly name = "OtherContentError";
}

type Content = Extract<DownloadPart, { kind: "content" }>;
type Opened = Extract<DownloadEvent, { event: "opened" }>;
type Completed = Extract<DownloadEvent, { event: "completed" }>;

/**
 * Writes the content of a download to its target, in order and over as many attempts as it takes, and checks its
 * length and the digest that the user gave.
 */
export class Receiver {
  readonly #deps: ReceiveDeps;
  readonly #rate = new RateMeter();
  #check: ChecksumCheck | undefined;
  #taskId: string | undefined;
  #firstByte = 0;
  #lengthBytes: number | undefined;
  #lastModified: string | undefined;
  #receivedBytes: ReceivedBytes = { seed: 0, peers: 0, origin: 0 };
  /** Of the attempts before this one. */
  #receivedBefore: ReceivedBytes = { seed: 0, peers: 0, origin: 0 };
  #heldBytes: number | undefined;
  #trouble: string | undefined;
  #writtenBytes = 0;

  constructor(deps: ReceiveDeps) {
    this.#deps = deps;
    const { checksum, range } = deps.plan;
    this.#check = checksum && new ChecksumCheck(checksum);
    if (range && "firstByte" in range) this.#firstByte = range.firstByte;
  }

  /** How much of what is wanted is in the target. */
  get writtenBytes(): number {
    return this.#writtenBytes;
  }

  /** The first byte that is still wanted; undefined before anything was written. */
  get nextByte(): number | undefined {
    return this.#writtenBytes === 0 ? undefined : this.#firstByte + this.#writtenBytes;
  }

  /** Takes over what an earlier run has written of the content. */
  adopt(bytes: Uint8Array): void {
    this.#check?.update(bytes);
    this.#writtenBytes += bytes.length;
  }

  /** Forgets what was written. */
  async restart(): Promise<void> {
    await this.#deps.target.restart?.();
    this.#check = this.#deps.plan.checksum && new ChecksumCheck(this.#deps.plan.checksum);
    this.#taskId = undefined;
    this.#writtenBytes = 0;
  }

  /**
   * Takes one attempt's parts. Resolves when all is written and right. Throws BrokenOffError when they end early,
   * OtherContentError when they are of another content than before, UserError, or the signal's reason.
   */
  async receive(parts: DownloadParts, signal: AbortSignal): Promise<ReceivedContent> {
    const startBytes = this.#writtenBytes;
    this.#receivedBefore = this.#receivedBytes;
    let completed: Completed | undefined;
    try {
      for await (const part of parts) {
        signal.throwIfAborted();
        if (part.kind === "content") await this.#content(part, signal);
        else if (part.event.event === "completed") completed = part.event;
        else this.#event(part.event);
      }
    } catch (error) {
      signal.throwIfAborted();
      if (error instanceof UserError || error instanceof OtherContentError) throw error;
      throw new BrokenOffError("the sender broke off", { cause: error });
    }
    if (!completed || this.#taskId === undefined) throw new BrokenOffError("there is no end");
    return await this.#finish(completed, this.#writtenBytes - startBytes);
  }

  async #content({ bytes, isLasting }: Content, signal: AbortSignal): Promise<void> {
    await this.#deps.pace.pass(bytes.length, signal);
    this.#check?.update(bytes);
    await this.#deps.target.write(bytes, isLasting);
    this.#writtenBytes += bytes.length;
    this.#report(this.#writtenBytes);
  }

  #event(event: Exclude<DownloadEvent, Completed>): void {
    switch (event.event) {
      case "opened":
        this.#opened(event);
        break;
      case "progress":
        this.#lengthBytes = event.lengthBytes;
        this.#receivedBytes = sum(this.#receivedBefore, event.receivedBytes);
        this.#heldBytes = event.heldBytes;
        this.#explain(event.trouble);
        this.#report(this.#writtenBytes);
        break;
      case "failed":
        throw failureOf(event.code, event.message);
      default:
        return event satisfies never;
    }
  }

  /** Says once what is waited for. */
  #explain(trouble: string | undefined): void {
    if (trouble !== undefined && trouble !== this.#trouble) {
      const what = trouble.replace(/; try again(?: later)?$/, "");
      this.#deps.reporter.note(`${what}; it is asked again`);
    }
    this.#trouble = trouble;
  }

  #opened(event: Opened): void {
    const { firstByte = 0, taskId, lengthBytes, mediaType } = event;
    const isFirst = this.#taskId === undefined && this.#writtenBytes === 0;
    const isSame = this.#taskId === undefined || this.#taskId === taskId;
    if (!isFirst && (!isSame || firstByte !== this.#firstByte + this.#writtenBytes)) {
      throw new OtherContentError("another content");
    }
    if (isFirst) this.#firstByte = firstByte;
    this.#taskId = taskId;
    this.#lengthBytes = lengthBytes;
    this.#lastModified = event.lastModified ?? this.#lastModified;
    if (event.replacesTaskId !== undefined) {
      this.#deps.reporter.note(
        "the file has changed at the origin since an earlier run was interrupted, so it is fetched anew",
      );
    }
    this.#deps.reporter.opened({ taskId, lengthBytes, mediaType });
  }

  async #finish(completed: Completed, sentBytes: number): Promise<ReceivedContent> {
    const { lengthBytes } = completed;
    const placed = placedBy(completed);
    const isWhole = sentBytes === (completed.sentBytes ?? lengthBytes);
    if (!placed && !isWhole) throw new BrokenOffError("bytes are missing");
    if (placed && this.#check) await this.#hashPlaced(this.#check);
    const digest = this.#check?.finish();
    if (digest && !digest.matches) {
      throw new UserError(
        EXIT.digestMismatch,
        `the content has the digest ${digest.actual}, not the one of --digest; nothing was written`,
      );
    }
    return {
      taskId: this.#taskId!,
      lengthBytes: placed ? lengthBytes : this.#writtenBytes,
      receivedBytes: sum(this.#receivedBefore, completed.receivedBytes),
      lastModified: this.#lastModified,
      placed,
    };
  }

  async #hashPlaced(check: ChecksumCheck): Promise<void> {
    const { createReadStream } = await import("node:fs");
    const stream = createReadStream(this.#deps.target.linkPath!);
    for await (const chunk of stream as AsyncIterable<Uint8Array>) check.update(chunk);
  }

  #report(writtenBytes: number): void {
    this.#rate.add(this.#deps.clock.nowMs(), writtenBytes);
    this.#deps.reporter.progress({
      name: this.#deps.plan.name,
      writtenBytes,
      heldBytes: this.#heldBytes,
      lengthBytes: this.#lengthBytes,
      bytesPerSecond: this.#rate.bytesPerSecond,
      receivedBytes: this.#receivedBytes,
    });
  }
}

function placedBy({ isLinked, isCloned }: Completed): Placed | undefined {
  if (isLinked === true) return "link";
  return isCloned === true ? "clone" : undefined;
}

function sum(a: ReceivedBytes, b: ReceivedBytes): ReceivedBytes {
  return { seed: a.seed + b.seed, peers: a.peers + b.peers, origin: a.origin + b.origin };
}
