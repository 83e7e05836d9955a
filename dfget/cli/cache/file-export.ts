import { systemClock } from "../../../platform/clock.ts";
import { EXIT, UserError } from "../../../platform/user-error.ts";
import { parseDigest } from "../../../protocol/digest.ts";
import type { DownloadPart } from "../../daemon/download-frames.ts";
import { BrokenOffError, Receiver } from "../receive-download.ts";
import { DeliveryPace } from "../delivery-pace.ts";
import { formatChecksum, parseChecksum } from "../checksum.ts";
import { paintOf } from "../paint.ts";
import { openTargetFile } from "../target-file.ts";
import { streamTarget } from "../target-stream.ts";
import { textReporter } from "../text-reporter.ts";
import { jsonReporter } from "../json-reporter.ts";
import type { CacheCall } from "./run-cache.ts";
import { listingOf, taskMeant } from "./task-reference.ts";

/** The digest of no bytes. */
const EMPTY = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/** `dfget export TASK FILE`. */
export async function exportTask(call: CacheCall): Promise<void> {
  const [text, path] = call.operands;
  if (text === undefined || path === undefined) {
    throw new UserError(EXIT.usage, "a task and a file are needed; see dfget export --help");
  }
  const taskId = parseDigest(text) ?? taskMeant((await listingOf(call)).tasks, text).taskId;
  const { signal } = call;
  const startedMs = systemClock.nowMs();
  await using target =
    path === "-"
      ? streamTarget(process.stdout, "standard output")
      : await openTargetFile(path, signal);
  const nowMs = (): number => systemClock.nowMs();
  using reporter = call.isJson
    ? jsonReporter(process.stdout, nowMs)
    : textReporter({
        stream: process.stderr,
        paint: paintOf(false),
        nowMs,
        terminal: process.env["TERM"],
      });
  const reported = reporter.file({ name: path, output: path });
  const plan = { name: path, range: undefined, checksum: checksumOf(taskId) };
  const pace = new DeliveryPace(0, systemClock);
  const receiver = new Receiver({ target, reporter: reported, clock: systemClock, plan, pace });
  const wanted = target.linkPath === undefined ? {} : { clonePath: target.linkPath };
  // Nobody has to be asked for nothing.
  const parts =
    taskId === EMPTY ? emptyContent() : await call.client.content(taskId, wanted, signal);
  const received = await receiver.receive(parts, signal).catch((error: unknown) => {
    if (!(error instanceof BrokenOffError)) throw error;
    throw new UserError(
      EXIT.daemonUnavailable,
      "the daemon broke off; nothing was written, try again",
      error,
    );
  });
  await target.commit({ placed: received.placed });
  reported.finished({ ...received, durationMs: systemClock.nowMs() - startedMs });
}

async function* emptyContent(): AsyncGenerator<DownloadPart> {
  const receivedBytes = { seed: 0, peers: 0, origin: 0 };
  yield { kind: "event", event: { event: "opened", taskId: EMPTY, firstSource: "memory" } };
  yield { kind: "event", event: { event: "completed", lengthBytes: 0, receivedBytes } };
}

function checksumOf(taskId: string) {
  const digest = parseChecksum(taskId);
  return digest && parseDigest(formatChecksum(digest)) ? digest : undefined;
}
