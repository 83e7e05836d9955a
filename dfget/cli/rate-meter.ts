const WINDOW_MS = 5000;
/** Samples closer to each other count as one, so that a window of many of them is not a short one. */
const APART_MS = 100;

/** How fast a count of bytes has been growing in the last seconds. */
export class RateMeter {
  readonly #samples: { atMs: number; bytes: number }[] = [];

  /** Takes the count as it is now; `nowMs` never goes back. */
  add(nowMs: number, bytes: number): void {
    const samples = this.#samples;
    const before = samples.at(-2);
    if (before && nowMs - before.atMs < APART_MS) samples.pop();
    samples.push({ atMs: nowMs, bytes });
    while (samples.length > 2 && nowMs - samples[1]!.atMs >= WINDOW_MS) samples.shift();
  }

  /** Bytes per second over the window; undefined before two samples are known. */
  get bytesPerSecond(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  }
}
