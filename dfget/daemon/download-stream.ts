import { rm } from "node:fs/promises";
import type { ServerResponse } from "node:http";

import { NOT_NEEDED, abortable } from "../../platform/abortable.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { OpenTask } from "../peer/open-task.ts";
import { DOWNLOAD_MEDIA_TYPE } from "./api-schema.ts";
import type { DownloadEvent, WantedContent } from "./api-schema.ts";
import { placeName } from "./place-name.ts";
import { readRangeOf } from "./read-range.ts";
import { DOWNLOAD_FRAME_BYTES_MAX, contentHeader, eventFrame } from "./download-frames.ts";

const PROGRESS_INTERVAL_MS = 250;
/** What is shorter is sent in less time than a clone takes. */
const CLONED_BYTES_MIN = 256 * 1024;
/**
 * What is as long, and is here already, is copied by the kernel where it cannot be cloned: to send it through this process and another
 * costs several times as much. What is still coming is sent meanwhile, and so is what is longer: else it would have to be waited for.
 */
const COPIED_BYTES_MIN = 4 * 1024 * 1024;
const COPIED_BYTES_MAX = 64 * 1024 * 1024;

/** What of a task is wanted, where it may be put, and what is known of it beforehand. */
type AskedContent = WantedContent & { readonly replacesTaskId?: string };

/**
 * Answers a download: what is known about the task, then its content in order with events of its
 * progress between, then how it ended. Never rejects: a failure becomes the last event, and a reader
 * who is gone (`signal`) gets nothing more.
 */
export async function streamDownload(
  response: ServerResponse,
  task: OpenTask,
  wanted: AskedContent,
  deps: { readonly clock: Clock; readonly log: Log },
  signal: AbortSignal,
): Promise<void> {
  const content = wholeInMemory(task, wanted);
  if (content) {
    sendAtOnce(response, framesOf(task, content, wanted.replacesTaskId));
    return;
  }
  begin(response);
  const ending = new AbortController();
  const until = AbortSignal.any([signal, ending.signal]);
  const reporting = reportProgress(response, task, deps.clock, until);
  let last: DownloadEvent;
  try {
    last = await sendContent(response, task, wanted, signal);
  } catch (error) {
    last = failureEvent(error, deps.log);
  }
  ending.abort(NOT_NEEDED);
  await reporting;
  response.end(eventFrame(last));
}

/** A content that need not be read, nor put anywhere; undefined where there is more to it. */
function wholeInMemory(task: OpenTask, { range, linkPath }: AskedContent): Uint8Array | undefined {
  return range || linkPath !== undefined ? undefined : task.inMemory?.();
}

/** Answers a download by all of its frames, which one write sends. */
export function sendAtOnce(response: ServerResponse, frames: readonly Uint8Array[]): void {
  begin(response);
  response.end(Buffer.concat(frames));
}

function begin(response: ServerResponse): void {
  // Writing to a connection that is gone is no defect; the signal tells of it.
  response.on("error", () => undefined);
  response.writeHead(200, { "content-type": DOWNLOAD_MEDIA_TYPE, "cache-control": "no-store" });
}

function framesOf(
  task: OpenTask,
  content: Uint8Array,
  replacesTaskId: string | undefined,
): readonly Uint8Array[] {
  return [
    eventFrame(openedEvent(task, 0, replacesTaskId)),
    contentHeader(content.length),
    content,
    eventFrame(completedEvent(task, content.length)),
  ];
}

async function sendContent(
  response: ServerResponse,
  task: OpenTask,
  wanted: AskedContent,
  signal: AbortSignal,
): Promise<DownloadEvent> {
  // Awaited below; a failure of the reading comes first and must not leave this one unhandled.
  task.completed.catch(() => undefined);
  const range = readRangeOf(wanted.range, task.lengthBytes);
  response.write(eventFrame(openedEvent(task, range.firstByte, wanted.replacesTaskId)));
  const isWhole = range.firstByte === 0 && range.lastByte === undefined;
  const placed = isWhole ? await placeWhole(task, wanted, signal) : undefined;
  if (placed) return { ...completedEvent(task, 0), ...placed };
  let sentBytes = 0;
  for await (const bytes of task.read(range, signal)) {
    for (let offset = 0; offset < bytes.length; offset += DOWNLOAD_FRAME_BYTES_MAX) {
      const part = bytes.subarray(offset, offset + DOWNLOAD_FRAME_BYTES_MAX);
      await sendPart(response, part, signal);
      sentBytes += part.length;
    }
  }
  if (isWhole) await abortable(task.completed, signal);
  return completedEvent(task, sentBytes);
}

type Placed = { readonly isLinked: true } | { readonly isCloned: true };

/** Puts the whole where it is wanted once it is there; undefined where it has to be sent. */
async function placeWhole(
  task: OpenTask,
  { linkPath, clonePath, copyPlace }: AskedContent,
  signal: AbortSignal,
): Promise<Placed | undefined> {
  const mayLink = linkPath !== undefined && task.linkTo !== undefined;
  // Asked before the content is there, which else would be sent while it comes.
  const isLong = task.lengthBytes === undefined || task.lengthBytes >= CLONED_BYTES_MIN;
  const mayClone =
    isLong && clonePath !== undefined && (await task.canCloneTo?.(clonePath)) === true;
  const mayCopy =
    !mayClone &&
    isCopied(task) &&
    clonePath !== undefined &&
    copyPlace !== undefined &&
    placeName(clonePath) === copyPlace;
  if (!mayLink && !mayClone && !mayCopy) return undefined;
  await abortable(task.completed, signal);
  if (mayLink && (await task.linkTo?.(linkPath))) {
    return await unlessGone({ isLinked: true }, linkPath, signal);
  }
  if (mayClone && (await task.cloneTo?.(clonePath))) {
    return await unlessGone({ isCloned: true }, clonePath, signal);
  }
  if (mayCopy && (await task.copyTo?.(clonePath))) {
    return await unlessGone({ isCloned: true }, clonePath, signal);
  }
  return undefined;
}

function isCopied(task: OpenTask): boolean {
  const { lengthBytes } = task;
  if (lengthBytes === undefined || task.progress().heldBytes < lengthBytes) return false;
  return lengthBytes >= COPIED_BYTES_MIN && lengthBytes <= COPIED_BYTES_MAX;
}

/** Whoever is gone has taken away what was there before, and not this. */
async function unlessGone(placed: Placed, path: string, signal: AbortSignal): Promise<Placed> {
  if (!signal.aborted) return placed;
  await rm(path, { force: true });
  throw signal.reason;
}

function completedEvent(
  task: OpenTask,
  sentBytes: number,
): Extract<DownloadEvent, { event: "completed" }> {
  return {
    event: "completed",
    lengthBytes: task.lengthBytes ?? sentBytes,
    sentBytes,
    receivedBytes: { ...task.progress().receivedBytes },
  };
}

/**
 * Settles when the bytes have left the process or never will, so that their memory can be used again. What is under way is
 * not given up for the signal: as long as the reader is there, it may still get it.
 */
async function sendPart(
  response: ServerResponse,
  part: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const onClose = (): void => reject(readerGone());
  response.once("close", onClose);
  response.cork();
  response.write(contentHeader(part.length));
  response.write(part, (error) => (error ? reject(readerGone(error)) : resolve()));
  response.uncork();
  await promise.finally(() => response.off("close", onClose));
}

/** The reason of a download that nobody reads any more. */
export function readerGone(cause?: unknown): ProtocolError {
  return new ProtocolError("SHUTTING_DOWN", "the reader went away", {}, cause);
}

async function reportProgress(
  response: ServerResponse,
  task: OpenTask,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  try {
    for (;;) {
      await clock.sleep(PROGRESS_INTERVAL_MS, signal);
      // A reader that does not keep up wants no news on top.
      if (response.writableNeedDrain) continue;
      const { lengthBytes, heldBytes, receivedBytes, trouble } = task.progress();
      response.write(
        eventFrame({
          event: "progress",
          ...(lengthBytes === undefined ? {} : { lengthBytes }),
          heldBytes,
          receivedBytes: { ...receivedBytes },
          ...(trouble === undefined ? {} : { trouble }),
        }),
      );
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function openedEvent(
  task: OpenTask,
  firstByte: number,
  replacesTaskId: string | undefined,
): DownloadEvent {
  return {
    event: "opened",
    taskId: task.taskId,
    ...(task.lengthBytes === undefined ? {} : { lengthBytes: task.lengthBytes }),
    ...(task.mediaType === undefined ? {} : { mediaType: task.mediaType }),
    ...(task.lastModified === undefined ? {} : { lastModified: task.lastModified }),
    ...(replacesTaskId === undefined ? {} : { replacesTaskId }),
    firstByte,
    firstSource: task.firstSource,
  };
}

/** The last event of a download that failed; the log hears of defects. */
export function failureEvent(error: unknown, log: Log): DownloadEvent {
  if (error instanceof ProtocolError) {
    return { event: "failed", code: error.code, message: error.message };
  }
  log.error({ err: error }, "a download failed by a defect");
  return {
    event: "failed",
    code: "INTERNAL",
    message: "the daemon failed by a defect; its log says more",
  };
}
