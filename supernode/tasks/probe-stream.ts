import type { OriginStream } from "../../platform/origin/origin-stream.ts";

/** Hears what a stream costs the origin. */
export interface OriginCounts {
  originRequest(): void;
  originBytes(lengthBytes: number): void;
}

/** Counts for somebody who is named later: what was counted before is told to him then. */
export class LateCounts implements OriginCounts {
  #requests = 0;
  #bytes = 0;
  #target: OriginCounts | undefined;

  originRequest(): void {
    if (this.#target) this.#target.originRequest();
    else this.#requests += 1;
  }

  originBytes(lengthBytes: number): void {
    if (this.#target) this.#target.originBytes(lengthBytes);
    else this.#bytes += lengthBytes;
  }

  /** Tells everything so far to `target`, and everything to come. */
  forwardTo(target: OriginCounts): void {
    this.#target = target;
    for (; this.#requests > 0; this.#requests -= 1) target.originRequest();
    if (this.#bytes > 0) target.originBytes(this.#bytes);
    this.#bytes = 0;
  }
}

/** A stream that was opened to find out what is there, of which nothing has been read yet. */
export interface ProbeStream {
  readonly stream: OriginStream;
  readonly counts: LateCounts;
}
