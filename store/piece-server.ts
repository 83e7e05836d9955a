import type { IncomingMessage, ServerResponse } from "node:http";
import type { Clock } from "../platform/clock.ts";
import { patientRate, TokenBucket } from "../platform/token-bucket.ts";
import type { ByteRange } from "../protocol/byte-range.ts";
import { parseByteRange } from "../protocol/byte-range.ts";
import { pieceSpan } from "../protocol/piece-table.ts";
import { PIECE_HEADER } from "../protocol/version.ts";
import { BufferPool } from "./buffer-pool.ts";
import { PieceSend } from "./piece-send.ts";
import type { CopyRecent, LendRecent } from "./piece-send.ts";
import type { StoredTask } from "./piece-store.ts";

/** What became of one piece request. */
export interface PieceServed {
  /** 200, 206, 404, 405 or 416; 499 when the client had left before. */
  readonly status: number;
  /** Bytes of the piece that were handed to the socket. */
  readonly sentBytes: number;
  /** From the call to the end of the response. */
  readonly durationMs: number;
  /** True when the whole response left; false when the client or the disk broke it off. */
  readonly isComplete: boolean;
}

export interface PieceServerOptions {
  /** Buffers shared by all responses; further responses wait for one. */
  readonly buffersMax?: number;
  /** A client that takes nothing for so long is dropped. */
  readonly stallTimeoutMs?: number;
  /** A client that takes less than this over the whole piece is dropped. */
  readonly rateMinBytesPerSecond?: number;
  /** Limits all responses together. */
  readonly bucket?: TokenBucket;
  /** Where bytes of held pieces may be in memory. */
  readonly copyRecent?: CopyRecent;
  /** As that, without a copy. */
  readonly lendRecent?: LendRecent;
}

/** One piece request with the task it is for; the caller keeps the handle open until `onEnd`. */
export interface PieceRequest {
  readonly task: StoredTask;
  readonly pieceIndex: number;
  readonly request: IncomingMessage;
  /** Of node:http, or `reply.raw` after `reply.hijack()`; headers set before are sent along. */
  readonly response: ServerResponse;
}

const BUFFER_LENGTH_BYTES = 512 * 1024;
/** Made once: a new one for each piece would cost as much as a signature. */
const OVER = new DOMException("the piece was sent", "AbortError");

/**
 * Answers piece requests from files: reads of 512 KiB into pooled buffers, the next one while the one before is
 * sent. Only pieces that are held are sent, and only while they are held.
 */
export class PieceServer {
  readonly #clock: Clock;
  readonly #buffers: BufferPool;
  readonly #stallTimeoutMs: number;
  readonly #rateMinBytesPerSecond: number;
  readonly #bucket: TokenBucket;
  readonly #copyRecent: CopyRecent;
  readonly #lendRecent: LendRecent;

  constructor({ clock }: { readonly clock: Clock }, options: PieceServerOptions = {}) {
    this.#clock = clock;
    this.#buffers = new BufferPool(BUFFER_LENGTH_BYTES, options.buffersMax ?? 64);
    this.#stallTimeoutMs = options.stallTimeoutMs ?? 20_000;
    this.#rateMinBytesPerSecond = options.rateMinBytesPerSecond ?? 32 * 1024;
    this.#bucket = options.bucket ?? new TokenBucket();
    this.#copyRecent = options.copyRecent ?? (() => false);
    this.#lendRecent = options.lendRecent ?? (() => undefined);
  }

  /** Buffers in use at this moment. */
  get takenBufferCount(): number {
    return this.#buffers.takenCount;
  }

  /** Answers one GET or HEAD. `onEnd` is called exactly once, when the response is over. */
  serve(piece: PieceRequest, onEnd: (served: PieceServed) => void): void {
    const { task, pieceIndex, request, response } = piece;
    const startMs = this.#clock.nowMs();
    const end = (status: number, sentBytes: number, isComplete: boolean): void => {
      onEnd({ status, sentBytes, durationMs: this.#clock.nowMs() - startMs, isComplete });
    };
    if (response.destroyed) {
      // The client left while the caller was looking for the piece; there is no close to wait for.
      end(499, 0, false);
      return;
    }
    const isHead = request.method === "HEAD";
    const certificate = task.certificate(pieceIndex);
    if (!isHead && request.method !== "GET") {
      response.setHeader("allow", "GET, HEAD");
      this.#refuse(response, 405, end);
      return;
    }
    if (certificate === undefined || !task.have.has(pieceIndex)) {
      this.#refuse(response, 404, end);
      return;
    }
    const span = heldSpan(task, pieceIndex);
    const range = parseByteRange(request.headers.range, span.lengthBytes);
    response.setHeader("accept-ranges", "bytes");
    if (range === "unsatisfiable") {
      response.setHeader("content-range", `bytes */${span.lengthBytes}`);
      this.#refuse(response, 416, end);
      return;
    }
    const { firstByte, lastByte } = range ?? { firstByte: 0, lastByte: span.lengthBytes - 1 };
    const status = range === undefined ? 200 : 206;
    writeHead(response, status, certificate, range, lastByte + 1 - firstByte, span.lengthBytes);
    const deadline = this.#watch(response, lastByte + 1 - firstByte);
    const parts = {
      piece,
      buffers: this.#buffers,
      bucket: this.#bucket,
      copyRecent: this.#copyRecent,
      lendRecent: this.#lendRecent,
    };
    const send = new PieceSend(parts, isHead ? 0 : lastByte + 1 - firstByte);
    send.run(span.offsetBytes + firstByte, (sentBytes, isComplete) => {
      deadline.abort(OVER);
      end(status, sentBytes, isComplete);
    });
  }

  #refuse(
    response: ServerResponse,
    status: number,
    end: (status: number, sentBytes: number, isComplete: boolean) => void,
  ): void {
    response.writeHead(status, { "content-length": 0 });
    response.end();
    end(status, 0, true);
  }

  /** Drops the response when the client stands still or is too slow over all. */
  #watch(response: ServerResponse, lengthBytes: number): AbortController {
    const ended = new AbortController();
    response.setTimeout(this.#stallTimeoutMs, () => response.destroy());
    const rateMin = patientRate(this.#rateMinBytesPerSecond, this.#bucket.bytesPerSecond);
    const timeoutMs = this.#stallTimeoutMs + (lengthBytes / rateMin) * 1000;
    this.#clock.sleep(timeoutMs, ended.signal).then(
      () => response.destroy(),
      () => {},
    );
    return ended;
  }
}

/** The span of a held piece, also of a task whose length is not known yet. */
function heldSpan(
  task: StoredTask,
  pieceIndex: number,
): { offsetBytes: number; lengthBytes: number } {
  const { lengthBytes, pieceLengthBytes } = task.record;
  if (lengthBytes !== undefined) return pieceSpan(pieceIndex, lengthBytes, pieceLengthBytes);
  return { offsetBytes: pieceIndex * pieceLengthBytes, lengthBytes: pieceLengthBytes };
}

function writeHead(
  response: ServerResponse,
  status: number,
  certificate: Uint8Array,
  range: ByteRange | undefined,
  lengthBytes: number,
  pieceLengthBytes: number,
): void {
  response.setHeader("content-type", "application/octet-stream");
  response.setHeader("content-length", lengthBytes);
  response.setHeader(PIECE_HEADER, Buffer.from(certificate).toString("base64url"));
  if (range !== undefined) {
    const { firstByte, lastByte } = range;
    response.setHeader("content-range", `bytes ${firstByte}-${lastByte}/${pieceLengthBytes}`);
  }
  response.writeHead(status);
}
