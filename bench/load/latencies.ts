import type { RecordableHistogram } from "node:perf_hooks";
import { createHistogram } from "node:perf_hooks";

/** Percentiles of latencies in milliseconds. */
export interface LatencyFigures {
  readonly p50_ms: number;
  readonly p99_ms: number;
  readonly p999_ms: number;
  readonly max_ms: number;
}

const MICROSECONDS_MAX = 60 * 60 * 1e6;

/** Latencies in a histogram of high dynamic range: three digits of each are kept, from a microsecond to an hour. */
export class Latencies {
  readonly #histogram: RecordableHistogram = createHistogram({
    lowest: 1,
    highest: MICROSECONDS_MAX,
    figures: 3,
  });

  get count(): number {
    return this.#histogram.count;
  }

  /** Takes in what was measured from the moment when it was due. */
  record(latencyMs: number): void {
    this.#histogram.record(Math.min(MICROSECONDS_MAX, Math.max(1, Math.round(latencyMs * 1000))));
  }

  /**
   * Takes in what was measured by a client that sends its next request only after the answer, and would have sent one every
   * `intervalMs`. Those that it did not send while it waited would have waited as well, each for
   * `intervalMs` less than the one before: without them a server that stands still is asked little and looks fast.
   */
  recordWithOmitted(latencyMs: number, intervalMs: number): void {
    this.record(latencyMs);
    if (!(intervalMs > 0)) return;
    for (let omittedMs = latencyMs - intervalMs; omittedMs >= intervalMs; omittedMs -= intervalMs) {
      this.record(omittedMs);
    }
  }

  /** The percentiles. Throws RangeError when nothing was recorded. */
  figures(): LatencyFigures {
    if (this.count === 0) throw new RangeError("no percentiles of no latencies");
    const at = (percentile: number): number => this.#histogram.percentile(percentile) / 1000;
    return { p50_ms: at(50), p99_ms: at(99), p999_ms: at(99.9), max_ms: at(100) };
  }
}
