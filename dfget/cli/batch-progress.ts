import { formatByteCount } from "../../platform/quantity.ts";
import type { ReceivedBytes } from "../daemon/api-schema.ts";
import type { DownloadProgress } from "./progress-line.ts";
import { rateText, sharesText } from "./progress-line.ts";
import { RateMeter } from "./rate-meter.ts";
import type { DownloadSummary } from "./reporter.ts";

/** Of more files than this, those that went well leave no line of their own. */
export const FILES_SHOWN_MAX = 16;

/** Of many files, only those that take as long as this have a line while they run: others would come and go too fast. */
const SHOWN_AFTER_MS = 1000;

/** How far the files of one call have come, all together. */
export class BatchProgress {
  readonly #running = new Map<object, { readonly sinceMs: number; progress: DownloadProgress }>();
  readonly #rate = new RateMeter();
  #count = 0;
  #ended = 0;
  #failed = 0;
  #lengthBytes = 0;
  #received: ReceivedBytes = { seed: 0, peers: 0, origin: 0 };

  /** How many files there will be. */
  expect(count: number): void {
    this.#count = count;
  }

  get isMany(): boolean {
    return this.#count > FILES_SHOWN_MAX;
  }

  progress(key: object, progress: DownloadProgress, nowMs: number): void {
    const running = this.#running.get(key);
    if (running) running.progress = progress;
    else this.#running.set(key, { sinceMs: nowMs, progress });
  }

  /** The running files that have a line now. */
  shown(nowMs: number): DownloadProgress[] {
    const isShown = ({ sinceMs }: { sinceMs: number }): boolean =>
      !this.isMany || nowMs - sinceMs >= SHOWN_AFTER_MS;
    return [...this.#running.values()].filter(isShown).map(({ progress }) => progress);
  }

  /** Nothing is on its way any more. */
  clear(): void {
    this.#running.clear();
    this.#count = 0;
  }

  ended(key: object, outcome: DownloadSummary | "skipped" | "failed"): void {
    this.#running.delete(key);
    this.#ended += 1;
    if (outcome === "failed") this.#failed += 1;
    if (typeof outcome === "string") return;
    this.#lengthBytes += outcome.lengthBytes;
    this.#received = sum(this.#received, outcome.receivedBytes);
  }

  /** "123 of 300 files  14.4 MiB  1.1 MiB/s  peers 78% seed 22%  2 failed". */
  line(nowMs: number): string {
    let lengthBytes = this.#lengthBytes;
    let received = this.#received;
    for (const { progress } of this.#running.values()) {
      const { writtenBytes, receivedBytes } = progress;
      lengthBytes += writtenBytes;
      received = sum(received, receivedBytes);
    }
    this.#rate.add(nowMs, lengthBytes);
    return [
      `${this.#ended} of ${this.#count} files`,
      formatByteCount(lengthBytes),
      rateText(this.#rate.bytesPerSecond),
      sharesText(received),
      this.#failed === 0 ? "" : `${this.#failed} failed`,
    ]
      .filter((field) => field !== "")
      .join("  ");
  }
}

function sum(a: ReceivedBytes, b: ReceivedBytes): ReceivedBytes {
  return { seed: a.seed + b.seed, peers: a.peers + b.peers, origin: a.origin + b.origin };
}
