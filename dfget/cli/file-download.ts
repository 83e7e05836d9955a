import { stat } from "node:fs/promises";

import type { Clock } from "../../platform/clock.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { DownloadRequest } from "../daemon/api-schema.ts";
import type { DeliveryPace } from "./delivery-pace.ts";
import type { BegunFile } from "./download-batch.ts";
import type { DownloadPlan } from "./download-plan.ts";
import { BrokenOffError, OtherContentError, Receiver } from "./receive-download.ts";
import type { ReceivedContent } from "./receive-download.ts";
import type { DownloadSummary, FileReporter } from "./reporter.ts";

/** How often content is asked for again, one time after the other without a byte more, after breaking off. */
const FRUITLESS_ATTEMPTS_MAX = 5;
const AGAIN_MS = 200;
const AGAIN_MS_MAX = 5000;

export interface FileDownloadDeps {
  readonly reporter: FileReporter;
  readonly clock: Clock;
  readonly pace: DeliveryPace;
  /** How often a failure of the origin that may pass is forgiven. */
  readonly retries: number;
  /** Opens the target; throws UserError. */
  begin(): Promise<BegunFile>;
}

/**
 * Brings one file to its target. Resolves to what was done, or undefined where the target was left alone. Throws
 * UserError or the signal's reason.
 */
export async function downloadFile(
  plan: DownloadPlan,
  deps: FileDownloadDeps,
  signal: AbortSignal,
): Promise<DownloadSummary | undefined> {
  const startedMs = deps.clock.nowMs();
  if (plan.existing === "no-clobber" && (await isThere(plan))) {
    deps.reporter.skipped("is there already and was left alone");
    return undefined;
  }
  // Before anything is asked for, so that a target that cannot be written costs nobody a byte.
  const begun = await deps.begin();
  await using target = begun.target;
  if (plan.existing === "continue") {
    const { isComplete } = await import("./complete-target.ts");
    if (await isComplete(plan, { ...deps, engine: begun.engine }, signal)) {
      deps.reporter.skipped("is there already, complete");
      return undefined;
    }
  }
  const receiver = new Receiver({ ...deps, target, plan });
  await begun.restore?.(receiver);
  const received = await receiveAll(plan, begun, receiver, deps, signal);
  await target.commit({
    placed: received.placed,
    mode: plan.mode,
    modifiedAtMs: plan.keepsTime ? timeOf(received.lastModified) : undefined,
  });
  const { taskId, lengthBytes, receivedBytes } = received;
  const durationMs = deps.clock.nowMs() - startedMs;
  return { taskId, lengthBytes, receivedBytes, durationMs };
}

/** Asks again and again, for what is missing, until all is there. */
async function receiveAll(
  plan: DownloadPlan,
  { engine, target }: BegunFile,
  receiver: Receiver,
  deps: Pick<FileDownloadDeps, "reporter" | "clock" | "retries">,
  signal: AbortSignal,
): Promise<ReceivedContent> {
  let failures = 0;
  let fruitless = 0;
  for (;;) {
    const before = receiver.writtenBytes;
    try {
      const request = requestOf(plan, receiver);
      const placing = { mayBeLink: plan.mayBeLink, path: () => target.linkPath };
      const isWhole = request.range === undefined;
      const parts = await engine.begin(
        request,
        deps.reporter,
        signal,
        isWhole ? placing : undefined,
      );
      return await receiver.receive(parts, signal);
    } catch (error) {
      signal.throwIfAborted();
      const isChanged = isOtherContent(error);
      if (!isChanged && !(error instanceof BrokenOffError)) {
        if (failures >= deps.retries || !mayPass(error)) throw error;
        failures += 1;
        deps.reporter.note(`${(error as Error).message}; trying again`);
      }
      fruitless = receiver.writtenBytes > before && !isChanged ? 0 : fruitless + 1;
      if (fruitless > FRUITLESS_ATTEMPTS_MAX) throw givenUp(error);
      if (isChanged) {
        await receiver.restart();
        deps.reporter.note("the file changed at the origin, so it is fetched anew from its start");
      }
    }
    const waitMs = Math.min(AGAIN_MS_MAX, AGAIN_MS * 2 ** Math.max(failures, fruitless, 1));
    await deps.clock.sleep(waitMs, signal);
  }
}

/** What is still wanted. */
function requestOf({ request, range }: DownloadPlan, receiver: Receiver): DownloadRequest {
  const firstByte = receiver.nextByte;
  const lastByte = range && "lastByte" in range ? range.lastByte : undefined;
  const wanted =
    firstByte === undefined
      ? range
      : { firstByte, mayBeEmpty: true, ...(lastByte === undefined ? {} : { lastByte }) };
  return wanted ? { ...request, range: wanted } : request;
}

/** The time that a header names, milliseconds since 1970; undefined for none or nonsense. */
export function timeOf(lastModified: string | undefined): number | undefined {
  const timeMs = lastModified === undefined ? Number.NaN : Date.parse(lastModified);
  return Number.isNaN(timeMs) ? undefined : timeMs;
}

async function isThere({ output }: DownloadPlan): Promise<boolean> {
  if (output.kind === "stdout") return false;
  return await stat(output.path).then(
    () => true,
    () => false,
  );
}

function isOtherContent(error: unknown): boolean {
  if (error instanceof OtherContentError) return true;
  return error instanceof UserError && codeOf(error) === "ORIGIN_CHANGED";
}

/** Whether the same request may succeed in a while. */
function mayPass(error: unknown): boolean {
  if (!(error instanceof UserError)) return false;
  const { exitCode } = error;
  return exitCode === EXIT.unreachable || exitCode === EXIT.originFailed;
}

function codeOf({ cause }: UserError): string | undefined {
  return cause instanceof ProtocolError ? cause.code : undefined;
}

function givenUp(error: unknown): unknown {
  if (error instanceof UserError) return error;
  const isChanging = error instanceof OtherContentError;
  return new UserError(
    isChanging ? EXIT.originFailed : EXIT.daemonUnavailable,
    isChanging
      ? "the file changes at the origin faster than it can be read; nothing was written"
      : "the daemon broke off again and again; nothing was written, see its log and try again",
    error,
  );
}
