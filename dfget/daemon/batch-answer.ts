import type * as Compiler from "typebox/compile";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { WholeFile } from "../peer/whole-files.ts";
import { DownloadRequest } from "./api-schema.ts";
import { contentHeader, eventFrame } from "./download-frames.ts";

/** Loaded with the first batch: a daemon that fetches one file does without. */
let compiler: Promise<ReturnType<typeof compileOf>> | undefined;
const compileOf = ({ Compile }: typeof Compiler) => Compile(DownloadRequest);

/** Reads a request of a batch. Throws ProtocolError BAD_REQUEST. */
export async function readBatchRequest(payload: Uint8Array): Promise<DownloadRequest> {
  compiler ??= import("typebox/compile").then(compileOf);
  const download = await compiler;
  let value: unknown;
  try {
    value = JSON.parse(Buffer.from(payload).toString("utf8"));
  } catch {
    value = undefined;
  }
  if (download.Check(value)) return value;
  throw new ProtocolError("BAD_REQUEST", "a request of a batch is none for a download");
}

/** The frames of a download of a small file that came whole: what it is, all of it, and its end. */
export function wholeAnswer(
  { taskId, bytes, mediaType, lastModified }: WholeFile,
  note: { readonly replacesTaskId?: string },
): readonly Uint8Array[] {
  const lengthBytes = bytes.length;
  const opened = eventFrame({
    event: "opened",
    taskId,
    lengthBytes,
    ...(mediaType === undefined ? {} : { mediaType }),
    ...(lastModified === undefined ? {} : { lastModified }),
    ...note,
    firstByte: 0,
    firstSource: "seed",
  });
  const completed = eventFrame({
    event: "completed",
    lengthBytes,
    sentBytes: lengthBytes,
    receivedBytes: { seed: lengthBytes, peers: 0, origin: 0 },
  });
  if (lengthBytes === 0) return [opened, completed];
  return [opened, contentHeader(lengthBytes), bytes, completed];
}
