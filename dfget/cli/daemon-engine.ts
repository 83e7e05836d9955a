import { systemClock } from "../../platform/clock.ts";
import { EXIT, UserError } from "../../platform/user-error.ts";
import type { DaemonStatus, DownloadRequest } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { DaemonAbsentError, DaemonClient } from "./daemon-client.ts";
import type { DaemonSettings } from "./daemon-process.ts";
import type { DownloadEngine } from "./download-engine.ts";
import type { FileReporter } from "./reporter.ts";

/** A daemon that leaves at the very moment it is asked is met once; more often means a defect. */
const ATTEMPTS_MAX = 3;

/** Downloads through the daemon of this node, and starts it where there is none. */
export class DaemonEngine implements DownloadEngine {
  readonly #client: DaemonClient;
  readonly #settings: DaemonSettings;
  #hasCompared = false;

  constructor(settings: DaemonSettings) {
    this.#settings = settings;
    this.#client = new DaemonClient(settings.socketPath);
  }

  async begin(
    request: DownloadRequest,
    reporter: Pick<FileReporter, "note">,
    signal: AbortSignal,
  ): Promise<AsyncGenerator<DownloadPart>> {
    const { socketPath, dataDir, supernodeUrls } = this.#settings;
    for (let attempt = 1; ; attempt++) {
      try {
        if (supernodeUrls.length > 0 && !this.#hasCompared) {
          this.#compareSupernodes(await this.#client.status(signal), reporter);
        }
        // Most of the time one is there: it is asked at once, and looked for only when it is not.
        return await this.#client.download(request, signal);
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
