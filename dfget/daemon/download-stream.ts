import type { ServerResponse } from "node:http";

import { abortable } from "../../platform/abortable.ts";
import type { Clock } from "../../platform/clock.ts";
import type { Log } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { OpenTask } from "../peer/open-task.ts";
import { DOWNLOAD_MEDIA_TYPE } from "./api-schema.ts";
import type { DownloadEvent } from "./api-schema.ts";
import { DOWNLOAD_FRAME_BYTES_MAX, contentHeader, eventFrame } from "./download-frames.ts";

const PROGRESS_INTERVAL_MS = 250;

/**
 * Answers a download: what is known about the task, then its content in order with events of its
 * progress between, then how it ended. Never rejects: a failure becomes the last event, and a reader
 * who is gone (`signal`) gets nothing more.
 */
export async function streamDownload(
  response: ServerResponse,
  task: OpenTask,
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
    last = await sendContent(response, task, signal);
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
  signal: AbortSignal,
): Promise<DownloadEvent> {
  // Awaited below; a failure of the reading comes first and must not leave this one unhandled.
  task.completed.catch(() => undefined);
  response.write(eventFrame(openedEvent(task)));
  let sentBytes = 0;
  for await (const bytes of task.read({ firstByte: 0 }, signal)) {
    for (let offset = 0; offset < bytes.length; offset += DOWNLOAD_FRAME_BYTES_MAX) {
      const part = bytes.subarray(offset, offset + DOWNLOAD_FRAME_BYTES_MAX);
      await sendPart(response, part, signal);
      sentBytes += part.length;
    }
  }
  await abortable(task.completed, signal);
  return {
    event: "completed",
    lengthBytes: task.lengthBytes ?? sentBytes,
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

function openedEvent(task: OpenTask): DownloadEvent {
  return {
    event: "opened",
    taskId: task.taskId,
    ...(task.lengthBytes === undefined ? {} : { lengthBytes: task.lengthBytes }),
    ...(task.mediaType === undefined ? {} : { mediaType: task.mediaType }),
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
