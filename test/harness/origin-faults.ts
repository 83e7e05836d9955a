import { once } from "node:events";
import type { ServerResponse } from "node:http";
import { setTimeout as delay } from "node:timers/promises";

/** What an origin does wrong with an answer. Offsets count from the start of the whole content, not of a range. */
export interface OriginFaults {
  /** Answer this status with a short text instead of the content. */
  readonly status?: number;
  /** Answer 302 to this address. */
  readonly redirectTo?: string;
  /** Send no Content-Length. */
  readonly isChunked?: boolean;
  /** Ignore Range and name no Accept-Ranges. */
  readonly hasNoRanges?: boolean;
  readonly rateBytesPerSecond?: number;
  /** Flip every bit of the byte at this offset. */
  readonly corruptAtByte?: number;
  /** Close the connection when this offset is reached. */
  readonly cutAtByte?: number;
  /** Cut only this many answers, then serve well; always when left out. */
  readonly cutCount?: number;
  readonly firstByteDelayMs?: number;
  /** Sends nothing from this offset on until it names a later one. */
  readonly holdAtByte?: () => number;
}

/** A request as the origin saw it. `bytesSent` grows while the answer runs. */
export interface OriginRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  status: number;
  bytesSent: number;
  hasEnded: boolean;
}

const SLICE_BYTES = 64 * 1024;
const TICK_MS = 10;

/**
 * Sends content with its faults; `startBytes` is the offset of the first byte in the whole content.
 * Stops quietly when the client has gone. Returns when the answer has ended.
 */
export async function sendWithFaults(
  response: ServerResponse,
  source: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  startBytes: number,
  faults: OriginFaults,
  request: OriginRequest,
): Promise<void> {
  if (faults.firstByteDelayMs !== undefined) await delay(faults.firstByteDelayMs);
  const cutAt = faults.cutAtByte ?? Infinity;
  const pace = new Pace(faults.rateBytesPerSecond);
  let offset = startBytes;
  let written = Promise.resolve();
  for await (const chunk of source) {
    for (let from = 0; from < chunk.length; from += SLICE_BYTES) {
      let slice = chunk.subarray(from, from + SLICE_BYTES);
      if (offset >= cutAt || response.destroyed) return await cut(response, written);
      if (offset + slice.length > cutAt) slice = slice.subarray(0, cutAt - offset);
      slice = corrupted(slice, offset, faults.corruptAtByte);
      await pace.take(slice.length);
      while (offset >= (faults.holdAtByte?.() ?? Infinity) && !response.destroyed) {
        await delay(TICK_MS);
      }
      const last = Promise.withResolvers<void>();
      const isRoomLeft = response.write(slice, () => last.resolve());
      written = last.promise;
      offset += slice.length;
      request.bytesSent += slice.length;
      if (!isRoomLeft) await drained(response);
    }
  }
  if (offset >= cutAt) return await cut(response, written);
  response.end();
}

/** Closes the connection when what was written has left. */
async function cut(response: ServerResponse, written: Promise<void>): Promise<void> {
  if (!response.destroyed) await Promise.race([written, once(response, "close")]);
  response.destroy();
}

function corrupted(slice: Uint8Array, offset: number, at: number | undefined): Uint8Array {
  if (at === undefined || at < offset || at >= offset + slice.length) return slice;
  const copy = Uint8Array.from(slice);
  copy[at - offset] = 0xff ^ (copy[at - offset] ?? 0);
  return copy;
}

async function drained(response: ServerResponse): Promise<void> {
  const stop = new AbortController();
  const { signal } = stop;
  await Promise.race([
    once(response, "drain", { signal }),
    once(response, "close", { signal }),
  ]).catch(() => undefined);
  stop.abort();
}

/** Lets bytes pass at a steady rate, without a saved-up burst. */
class Pace {
  readonly #bytesPerMs: number | undefined;
  readonly #startMs = performance.now();
  #taken = 0;

  constructor(bytesPerSecond: number | undefined) {
    this.#bytesPerMs = bytesPerSecond === undefined ? undefined : bytesPerSecond / 1000;
  }

  async take(lengthBytes: number): Promise<void> {
    if (this.#bytesPerMs === undefined) return;
    const dueMs = this.#startMs + this.#taken / this.#bytesPerMs;
    this.#taken += lengthBytes;
    for (let leftMs = dueMs - performance.now(); leftMs > 0; leftMs = dueMs - performance.now()) {
      await delay(Math.min(TICK_MS, leftMs));
    }
  }
}
