import type { Clock } from "../../platform/clock.ts";
import { DigestCheck } from "../../platform/digest-check.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { parseDigest } from "../../protocol/digest.ts";
import type { DownloadEvent, ReceivedBytes } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { failureOf } from "./daemon-client.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { RateMeter } from "./rate-meter.ts";
import type { Reporter } from "./reporter.ts";
import type { Target } from "./target-file.ts";

export interface ReceiveDeps {
  readonly target: Target;
  readonly reporter: Reporter;
  readonly clock: Clock;
  readonly plan: DownloadPlan;
  /** For messages. */
  readonly socketPath: string;
}

/** What has arrived, whole and checked. */
export interface ReceivedContent {
  readonly taskId: string;
  readonly lengthBytes: number;
  readonly receivedBytes: ReceivedBytes;
}

/**
 * Writes the content of a download to its target, in order, and checks its length and the digest that
 * the user gave. Resolves when all was written and is right; throws UserError, the signal's reason.
 */
export async function receiveDownload(
  parts: AsyncIterable<DownloadPart>,
  deps: ReceiveDeps,
  signal: AbortSignal,
): Promise<ReceivedContent> {
  const receiver = new Receiver(deps);
  try {
    for await (const part of parts) {
      signal.throwIfAborted();
      if (part.kind === "content") await receiver.content(part.bytes);
      else receiver.event(part.event);
    }
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof UserError) throw error;
    throw new UserError(
      EXIT.daemonUnavailable,
      `the daemon at ${deps.socketPath} broke off; nothing was written, try again`,
      error,
    );
  }
  return receiver.finish();
}

class Receiver {
  readonly #deps: ReceiveDeps;
  readonly #rate = new RateMeter();
  readonly #check: DigestCheck | undefined;
  #opened: Extract<DownloadEvent, { event: "opened" }> | undefined;
  #completed: Extract<DownloadEvent, { event: "completed" }> | undefined;
  #lengthBytes: number | undefined;
  #receivedBytes: ReceivedBytes = { seed: 0, peers: 0, origin: 0 };
  #writtenBytes = 0;

  constructor(deps: ReceiveDeps) {
    this.#deps = deps;
    const { digest: digestText } = deps.plan.request;
    const digest = digestText === undefined ? undefined : parseDigest(digestText);
    this.#check = digest === undefined ? undefined : new DigestCheck(digest);
  }

  async content(bytes: Uint8Array): Promise<void> {
    this.#check?.update(bytes);
    await this.#deps.target.write(bytes);
    this.#writtenBytes += bytes.length;
    this.#report();
  }

  event(event: DownloadEvent): void {
    switch (event.event) {
      case "opened":
        this.#opened = event;
        this.#lengthBytes = event.lengthBytes;
        this.#deps.reporter.opened({
          taskId: event.taskId,
          lengthBytes: event.lengthBytes,
          mediaType: event.mediaType,
          output: this.#deps.plan.outputText,
        });
        break;
      case "progress":
        this.#lengthBytes = event.lengthBytes;
        this.#receivedBytes = event.receivedBytes;
        this.#report();
        break;
      case "completed":
        this.#completed = event;
        break;
      case "failed":
        throw failureOf(event.code, event.message);
      default:
        return event satisfies never;
    }
  }

  finish(): ReceivedContent {
    if (!this.#opened || !this.#completed) throw this.#brokenOff();
    if (this.#writtenBytes !== this.#completed.lengthBytes) throw this.#brokenOff();
    const digest = this.#check?.finish();
    if (digest && !digest.matches) {
      throw new UserError(
        EXIT.digestMismatch,
        `the content has the digest ${digest.actual}, not the one of --digest; nothing was written`,
      );
    }
    return {
      taskId: this.#opened.taskId,
      lengthBytes: this.#writtenBytes,
      receivedBytes: this.#completed.receivedBytes,
    };
  }

  #report(): void {
    this.#rate.add(this.#deps.clock.nowMs(), this.#writtenBytes);
    this.#deps.reporter.progress({
      name: this.#deps.plan.name,
      writtenBytes: this.#writtenBytes,
      lengthBytes: this.#lengthBytes,
      bytesPerSecond: this.#rate.bytesPerSecond,
      receivedBytes: this.#receivedBytes,
    });
  }

  #brokenOff(): UserError {
    return new UserError(
      EXIT.daemonUnavailable,
      `the daemon at ${this.#deps.socketPath} broke off after ${this.#writtenBytes} bytes; nothing was written, try again`,
    );
  }
}
