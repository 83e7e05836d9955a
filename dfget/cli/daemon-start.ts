import { dirname } from "node:path";

import type { Clock } from "../../platform/clock.ts";
import { makeDirectory } from "../../platform/make-directory.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { DaemonStatus } from "../daemon/api-schema.ts";
import type { HeldLock } from "../daemon/lock-file.ts";
import { tryLock } from "../daemon/lock-file.ts";
import { DaemonAbsentError } from "./daemon-client.ts";
import type { StartedDaemon } from "./daemon-process.ts";

const ATTEMPT_MS = 30;
/** From the first question to a daemon that answers; a daemon that is leaving may take a while. */
const READY_MS_MAX = 30_000;

export interface DaemonStartDeps {
  readonly clock: Clock;
  /** Asks the daemon; throws DaemonAbsentError where there is none. */
  status(signal: AbortSignal): Promise<DaemonStatus>;
  /** Starts one. */
  start(): Promise<StartedDaemon>;
}

/**
 * Resolves when a daemon answers at the socket, having started one where there was none. Of several
 * callers at once one starts it and all use it. Throws UserError (daemon unavailable) with the last
 * line of its log when it does not come up, and the signal's reason.
 */
export async function ensureDaemon(
  socketPath: string,
  deps: DaemonStartDeps,
  signal: AbortSignal,
): Promise<DaemonStatus> {
  const deadlineMs = deps.clock.nowMs() + READY_MS_MAX;
  await using held = new AsyncDisposableStack();
  let lock: HeldLock | undefined;
  let started: StartedDaemon | undefined;
  for (;;) {
    const found = await probe(deps, signal);
    if (found !== "absent" && found !== "draining") return found;
    if (found === "absent" && started?.hasExited) throw await notStarted(started);
    if (found === "absent" && !started) {
      if (lock) started = await deps.start();
      else {
        lock = await lockStart(socketPath);
        if (lock) held.use(lock);
        // Whoever held it before may have started one between our question and now.
        if (lock) continue;
      }
    }
    if (deps.clock.nowMs() >= deadlineMs) throw await notReady(started, socketPath);
    await deps.clock.sleep(ATTEMPT_MS, signal);
  }
}

async function probe(
  deps: DaemonStartDeps,
  signal: AbortSignal,
): Promise<DaemonStatus | "absent" | "draining"> {
  try {
    const status = await deps.status(signal);
    return status.state === "ready" ? status : "draining";
  } catch (error) {
    if (error instanceof DaemonAbsentError) return "absent";
    throw error;
  }
}

async function lockStart(socketPath: string): Promise<HeldLock | undefined> {
  try {
    await makeDirectory(dirname(socketPath), 0o700);
    return await tryLock(`${socketPath}.start`);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? "unusable";
    throw new UserError(
      EXIT.daemonUnavailable,
      `no daemon can be started at ${socketPath} (${code}); choose another place with --socket`,
      error,
    );
  }
}

async function notStarted(started: StartedDaemon): Promise<UserError> {
  const line = (await started.lastLine()) ?? "it ended without a word";
  return new UserError(
    EXIT.daemonUnavailable,
    `the daemon could not be started: ${line} (its log is ${started.logPath})`,
  );
}

async function notReady(
  started: StartedDaemon | undefined,
  socketPath: string,
): Promise<UserError> {
  const line = await started?.lastLine();
  const hint =
    started === undefined
      ? "another process is starting or stopping it"
      : `its log ${started.logPath} ends with: ${line ?? "nothing"}`;
  return new UserError(
    EXIT.daemonUnavailable,
    `no daemon came up at ${socketPath} within ${READY_MS_MAX / 1000} s; ${hint}`,
  );
}
