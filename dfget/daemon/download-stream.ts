import type { ServerResponse } from "node:http";

import { abortable } from "../../platform/abortable.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { OpenTask } from "../peer/open-task.ts";
import { DOWNLOAD_MEDIA_TYPE } from "./api-schema.ts";
import type { DownloadEvent, WantedContent } from "./api-schema.ts";
import { readRangeOf } from "./read-range.ts";
import { DOWNLOAD_FRAME_BYTES_MAX, contentHeader, eventFrame } from "./download-frames.ts";

const PROGRESS_INTERVAL_MS = 250;

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
  // Writing to a connection that is gone is no defect; the signal tells of it.
  response.on("error", () => undefined);
  response.writeHead(200, { "content-type": DOWNLOAD_MEDIA_TYPE, "cache-control": "no-store" });
  const ending = new AbortController();
  const until = AbortSignal.any([signal, ending.signal]);
  const reporting = reportProgress(response, task, deps.clock, until);
  let last: DownloadEvent;
  try {
    last = await sendContent(response, task, wanted, signal);
  } catch (error) {
    last = failureEvent(error, deps.log);
  }
  ending.abort();
  await reporting;
  response.end(eventFrame(last));
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
  if (isWhole && wanted.linkPath !== undefined && task.linkTo) {
    await abortable(task.completed, signal);
    if (await task.linkTo(wanted.linkPath)) return completedEvent(task, 0, true);
  }
  let sentBytes = 0;
  for await (const bytes of task.read(range, signal)) {
    for (let offset = 0; offset < bytes.length; offset += DOWNLOAD_FRAME_BYTES_MAX) {
      const part = bytes.subarray(offset, offset + DOWNLOAD_FRAME_BYTES_MAX);
      await sendPart(response, part, signal);
      sentBytes += part.length;
    }
  }
  if (isWhole) await abortable(task.completed, signal);
  return completedEvent(task, sentBytes, false);
}

function completedEvent(task: OpenTask, sentBytes: number, isLinked: boolean): DownloadEvent {
  return {
    event: "completed",
    lengthBytes: task.lengthBytes ?? sentBytes,
    sentBytes,
    isLinked,
    receivedBytes: { ...task.progress().receivedBytes },
  };
}

/** Resolves when the bytes have left the process, so that their memory can be used again. */
async function sendPart(
  response: ServerResponse,
  part: Uint8Array,
  signal: AbortSignal,
): Promise<void> {
  signal.throwIfAborted();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  response.cork();
  response.write(contentHeader(part.length));
  response.write(part, (error) => (error ? reject(readerGone(error)) : resolve()));
  response.uncork();
  await abortable(promise, signal);
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
      const { lengthBytes, heldBytes, receivedBytes } = task.progress();
      response.write(
        eventFrame({
          event: "progress",
          ...(lengthBytes === undefined ? {} : { lengthBytes }),
          heldBytes,
          receivedBytes: { ...receivedBytes },
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

function failureEvent(error: unknown, log: Log): DownloadEvent {
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
