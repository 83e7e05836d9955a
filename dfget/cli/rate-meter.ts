const WINDOW_MS = 5000;
const SAMPLES_MAX = 64;

/** How fast a count of bytes has been growing in the last seconds. */
export class RateMeter {
  readonly #samples: { atMs: number; bytes: number }[] = [];

  /** Takes the count as it is now; `nowMs` never goes back. */
  add(nowMs: number, bytes: number): void {
    this.#samples.push({ atMs: nowMs, bytes });
    while (
      this.#samples.length > SAMPLES_MAX ||
      (this.#samples.length > 2 && nowMs - this.#samples[1]!.atMs >= WINDOW_MS)
    ) {
      this.#samples.shift();
    }
  }

  /** Bytes per second over the window; undefined before two samples are known. */
  get bytesPerSecond(): number | undefined {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    if (!first || !last || last.atMs <= first.atMs) return undefined;
    return ((last.bytes - first.bytes) * 1000) / (last.atMs - first.atMs);
  }
}
