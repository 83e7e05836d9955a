import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";

import { ChecksumCheck } from "./checksum.ts";
import type { DownloadEngine, DownloadParts } from "./download-engine.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { timeOf } from "./file-download.ts";
import type { FileReporter } from "./reporter.ts";

/**
 * Whether the target is the whole file already: it has the digest that the user gave, else the length and the time
 * that the origin names. Throws as the origin answers, or the signal's reason.
 */
export async function isComplete(
  plan: DownloadPlan,
  deps: { readonly engine: DownloadEngine; readonly reporter: FileReporter },
  signal: AbortSignal,
): Promise<boolean> {
  const { output, checksum } = plan;
  if (output.kind === "stdout" || plan.range !== undefined) return false;
  const info = await stat(output.path).catch(() => undefined);
  if (!info?.isFile()) return false;
  if (checksum) {
    const check = new ChecksumCheck(checksum);
    const stream = createReadStream(output.path, { signal });
    for await (const chunk of stream as AsyncIterable<Uint8Array>) check.update(chunk);
    return check.finish().matches;
  }
  const parts = await deps.engine.begin(plan.request, deps.reporter, signal);
  const opened = await firstEvent(parts);
  if (opened?.event !== "opened" || opened.lengthBytes !== info.size) return false;
  const timeMs = timeOf(opened.lastModified);
  return timeMs !== undefined && Math.floor(info.mtimeMs / 1000) === Math.floor(timeMs / 1000);
}

async function firstEvent(parts: DownloadParts) {
  for await (const part of parts) return part.kind === "event" ? part.event : undefined;
  return undefined;
}
