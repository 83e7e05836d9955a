import { systemClock } from "../../platform/clock.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { DaemonStatus, DownloadRequest } from "../daemon/api-schema.ts";
import { placeName } from "../daemon/place-name.ts";
import { ANSWER_AGE_MS_MAX } from "../daemon/request-limits.ts";
import { DaemonAbsentError, DaemonClient } from "./daemon-client.ts";
import type { DaemonSettings } from "./daemon-process.ts";
import type { DownloadEngine, DownloadParts, Placing } from "./download-engine.ts";
import type { FileReporter } from "./reporter.ts";

/** A daemon that leaves at the very moment it is asked is met once; more often means a defect. */
const ATTEMPTS_MAX = 3;

/**
 * How long before the command an origin may have been asked about a file of a tree: nodes that are told to fetch it at
 * the same time do not begin at the same moment.
 */
const BEFORE_MS = 5000;

/** Downloads through the daemon of this node, and starts it where there is none. */
export class DaemonEngine implements DownloadEngine {
  readonly #client: DaemonClient;
  readonly #settings: DaemonSettings;
  readonly #isBatch: boolean;
  readonly #treeSinceMs: number | undefined;
  #hasCompared = false;

  /**
   * `treeSinceMs` is when the command began that fetches a whole tree: what an origin has said since of one of its
   * files need not be asked again. `isBatch` says that there are several files.
   */
  constructor(settings: DaemonSettings, isBatch = false, treeSinceMs?: number) {
    this.#settings = settings;
    this.#isBatch = isBatch;
    this.#treeSinceMs = treeSinceMs;
    this.#client = new DaemonClient(settings.socketPath);
  }

  /** Connects to the daemon before the first file is asked for, where it is asked for alone. Rejects with the signal's reason. */
  async prepare(signal: AbortSignal): Promise<void> {
    if (!this.#isBatch) await this.#client.prepare(signal);
  }

  async begin(
    request: DownloadRequest,
    reporter: Pick<FileReporter, "note">,
    signal: AbortSignal,
    placing?: Placing,
  ): Promise<DownloadParts> {
    const { socketPath, dataDir, supernodeUrls } = this.#settings;
    for (let attempt = 1; ; attempt++) {
      try {
        if (supernodeUrls.length > 0 && !this.#hasCompared) {
          const status = await this.#client.status(signal);
          // Another of several files may have been first, and one note is enough.
          if (!this.#hasCompared) this.#compareSupernodes(status, reporter);
        }
        // Most of the time one is there: it is asked at once, and looked for only when it is not.
        const asked = { ...request, ...this.#answerAge() };
        // A link to the daemon's file cannot be told of with a small one.
        const small =
          this.#isBatch && !asked.range && placing?.mayBeLink !== true
            ? await this.#client.downloadSmall(asked, signal)
            : undefined;
        return small ?? (await this.#client.download({ ...asked, ...placed(placing) }, signal));
      } catch (error) {
        if (!(error instanceof DaemonAbsentError)) throw error;
        if (attempt > ATTEMPTS_MAX) {
          throw new UserError(
            EXIT.daemonUnavailable,
            `the daemon at ${socketPath} went away ${ATTEMPTS_MAX} times without an answer; see its log in ${dataDir}`,
            error,
          );
        }
      }
      await startDaemon(this.#client, this.#settings, signal);
    }
  }

  #answerAge(): Pick<DownloadRequest, "answerAgeMs"> {
    if (this.#treeSinceMs === undefined) return {};
    const sinceMs = Math.round(systemClock.nowMs() - this.#treeSinceMs);
    return { answerAgeMs: Math.min(ANSWER_AGE_MS_MAX, sinceMs + BEFORE_MS) };
  }

  #compareSupernodes(status: DaemonStatus, reporter: Pick<FileReporter, "note">): void {
    this.#hasCompared = true;
    const { supernodeUrls, socketPath } = this.#settings;
    const others = supernodeUrls.filter((url) => !status.supernodes.includes(url));
    if (others.length === 0) return;
    const used =
      status.supernodes.length === 0 ? "without any" : `with ${status.supernodes.join(", ")}`;
    reporter.note(`the daemon at ${socketPath} runs ${used}, so ${others.join(", ")} is not asked`);
  }
}

function placed(
  placing: Placing | undefined,
): Pick<DownloadRequest, "clonePath" | "copyPlace" | "linkPath"> {
  const path = placing?.path();
  if (path === undefined) return {};
  const copyPlace = placeName(path);
  return {
    clonePath: path,
    ...(copyPlace === undefined ? {} : { copyPlace }),
    ...(placing?.mayBeLink === true ? { linkPath: path } : {}),
  };
}

/** Resolves when a daemon answers at the socket, having started one where there was none. Throws UserError. */
export async function startDaemon(
  client: DaemonClient,
  settings: DaemonSettings,
  signal: AbortSignal,
): Promise<void> {
  const { ensureDaemon } = await import("./daemon-start.ts");
  const { startDaemonProcess } = await import("./daemon-process.ts");
  const deps = {
    clock: systemClock,
    status: async (until: AbortSignal) => await client.status(until),
    start: async () => await startDaemonProcess(settings),
  };
  await ensureDaemon(settings.socketPath, deps, signal);
}
