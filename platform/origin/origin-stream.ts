import { ProtocolError } from "../../protocol/protocol-error.ts";
import { forwardAbort } from "../abortable.ts";
import type { Clock, Random } from "../clock.ts";
import { printableUrl } from "../log.ts";
import { backoffMs } from "./backoff.ts";
import type { FillableBody } from "./fillable-body.ts";
import { fillable } from "./fillable-body.ts";
import type { OriginFetch, OriginResponse } from "./origin-request.ts";
import type { OriginMetadata, OriginVersion } from "./origin-version.ts";
import { metadataOf, strongValidator } from "./origin-version.ts";
import type { PartRequest } from "./part-request.ts";
import { bodyOffset, fetchFrom } from "./part-request.ts";

export interface OriginStreamDeps {
  readonly fetch: OriginFetch;
  readonly clock: Clock;
  readonly random: Random;
}

/** What is to be read from an origin. */
export interface OriginStreamRequest extends PartRequest {
  /** Where to begin; 0 when absent. */
  readonly startOffset?: number;
  /** Goes on to the end of the content where the origin sends all of it instead of a part. */
  readonly readsOnWithoutRanges?: boolean;
  /** The version that earlier parts were read from; any other is ORIGIN_CHANGED. */
  readonly expected?: OriginVersion | undefined;
  /** Called for the bytes of each chunk that came in, those skipped included. */
  readonly onBytes?: (lengthBytes: number) => void;
}

/** Cuts in a row, each with less than a little progress, after which an origin is given up. */
const CUTS_MAX = 8;
const PROGRESS_BYTES_MIN = 64 * 1024;
const RESUME_BACKOFF_MS = 100;
const RESUME_BACKOFF_MS_MAX = 5000;

/** Made once: each stream ends so, and an error with a stack takes longer than all else at its end. */
const GIVEN_UP = new ProtocolError("ORIGIN_FAILED", "the reading of the origin was given up");

/**
 * One content, or one part of it, read from an origin in order and once. A body that is cut is resumed by a
 * Range request under If-Range; an origin without ranges sends it again and what was read is skipped.
 */
export class OriginStream implements Disposable {
  /** What the first answer said. */
  readonly metadata: OriginMetadata;
  /** Whether the origin was asked for a part and sends all. */
  readonly isWithoutRanges: boolean;
  readonly #deps: OriginStreamDeps;
  readonly #request: OriginStreamRequest;
  readonly #abort: AbortController;
  #response: OriginResponse;
  readonly #askedEnd: number | undefined;
  /** Where the next byte to be handed out stands. */
  #offset: number;
  /** Where the next byte of the body stands, when it is read by filling. */
  #bodyOffset: number;
  #body: FillableBody | undefined;
  #link: Disposable | undefined;
  #isRead = false;
  #cuts = 0;
  #offsetAtCut = 0;

  private constructor(
    deps: OriginStreamDeps,
    request: OriginStreamRequest,
    response: OriginResponse,
    abort: AbortController,
  ) {
    this.#deps = deps;
    this.#request = request;
    this.#response = response;
    this.#abort = abort;
    this.#offset = request.startOffset ?? 0;
    this.#bodyOffset = bodyOffset(response);
    this.isWithoutRanges = request.endOffset !== undefined && response.status !== 206;
    const isAll = request.readsOnWithoutRanges === true && this.isWithoutRanges;
    this.#askedEnd = isAll ? undefined : request.endOffset;
    const metadata = metadataOf(response);
    const { expected } = request;
    this.metadata = expected ? { ...metadata, ...known(expected, metadata) } : metadata;
  }

  /**
   * Sends the request and resolves when the answer's headers are there. Throws ProtocolError: what the origin
   * answers, ORIGIN_CHANGED when it has another version than expected.
   */
  static async open(
    deps: OriginStreamDeps,
    request: OriginStreamRequest,
    signal: AbortSignal,
  ): Promise<OriginStream> {
    signal.throwIfAborted();
    const abort = new AbortController();
    using _link = forwardAbort(signal, abort);
    const { startOffset = 0, expected } = request;
    const response = await fetchFrom(deps.fetch, request, startOffset, expected, abort);
    return new OriginStream(deps, request, response, abort);
  }

  /**
   * The bytes, once, ending after the last one; a chunk is valid until the next is asked for. Throws ProtocolError: ORIGIN_FAILED when the origin broke off again
   * and again or sent more than it said, ORIGIN_CHANGED when the content changed meanwhile. The signal's reason
   * is thrown when it is aborted.
   */
  async *chunks(signal: AbortSignal): AsyncGenerator<Uint8Array> {
    signal.throwIfAborted();
    this.#isRead = true;
    using _link = forwardAbort(signal, this.#abort);
    try {
      for (;;) {
        const cut = yield* this.#readResponse();
        if (!cut) return;
        this.#response.dispose();
        await this.#resume(cut);
      }
    } finally {
      this[Symbol.dispose]();
    }
  }

  /**
   * Fills `target` with the next bytes; resolves with how many there were: fewer than fit only at the end. Long bodies are received
   * straight into it where that can be. One call at a time, all with one signal, and not beside `chunks`. Throws as that does;
   * whoever calls it disposes the stream.
   */
  async readInto(target: Uint8Array, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted();
    this.#isRead = true;
    this.#link ??= forwardAbort(signal, this.#abort);
    const startOffset = this.#offset;
    for (;;) {
      const rest = target.subarray(this.#offset - startOffset);
      const end = this.endOffset;
      const isPartEnd = this.#askedEnd !== undefined && this.#offset === end;
      if (rest.length === 0 || isPartEnd) return this.#offset - startOffset;
      const isOver = await this.#fillOnce(rest);
      if (isOver) return this.#offset - startOffset;
    }
  }

  /** Reads as much into the target as belongs to one place; returns whether that was the end. */
  async #fillOnce(target: Uint8Array): Promise<boolean> {
    const end = this.endOffset;
    const skippedBytes = this.#offset - this.#bodyOffset;
    // Behind the end a byte would show that the origin sends more than it said.
    const leftBytes = end === undefined ? Infinity : Math.max(1, end - this.#offset);
    const room = target.subarray(0, skippedBytes > 0 ? skippedBytes : leftBytes);
    this.#body ??= fillable(this.#response.body);
    let filledBytes = 0;
    let failure: { readonly error: unknown } | undefined;
    try {
      filledBytes = await this.#body.readInto(room, (lengthBytes) => this.#came(lengthBytes));
    } catch (error) {
      failure = { error };
    }
    if (filledBytes === room.length && this.#offset <= (end ?? Infinity)) return false;
    const cut = this.#cutOf(failure);
    if (!cut) return true;
    this.#response.dispose();
    await this.#resume(cut);
    return false;
  }

  #came(lengthBytes: number): void {
    const isSkipped = this.#bodyOffset < this.#offset;
    this.#bodyOffset += lengthBytes;
    if (!isSkipped) this.#offset = this.#bodyOffset;
    this.#request.onBytes?.(lengthBytes);
  }

  /** Breaks off; harmless after the end. */
  [Symbol.dispose](): void {
    this.#link?.[Symbol.dispose]();
    this.#response.dispose();
    this.#abort.abort(GIVEN_UP);
  }

  /** Whether the bytes were asked for, which can be done once. */
  get isRead(): boolean {
    return this.#isRead;
  }

  /** Where the reading began. */
  get startOffset(): number {
    return this.#request.startOffset ?? 0;
  }

  /** Where the reading ends, exclusive; undefined while only the origin knows. */
  get endOffset(): number | undefined {
    const { lengthBytes } = this.metadata;
    const endOffset = this.#askedEnd;
    if (endOffset === undefined) return lengthBytes;
    return lengthBytes === undefined ? endOffset : Math.min(endOffset, lengthBytes);
  }

  /** Hands out the body of the current answer. Returns why more is needed; undefined at the end. */
  async *#readResponse(): AsyncGenerator<Uint8Array, ProtocolError | undefined> {
    let skip = this.#offset - bodyOffset(this.#response);
    const end = this.endOffset;
    if (end !== undefined && this.#offset >= end && this.#askedEnd !== undefined) return undefined;
    const body = this.#response.body[Symbol.asyncIterator]();
    for (;;) {
      let next;
      try {
        next = await body.next();
      } catch (error) {
        return this.#cutOf({ error });
      }
      if (next.done === true) return this.#cutOf(undefined);
      this.#request.onBytes?.(next.value.length);
      let chunk = next.value.subarray(Math.min(skip, next.value.length));
      skip -= next.value.length - chunk.length;
      if (end !== undefined && this.#offset + chunk.length > end) {
        if (this.#askedEnd === undefined || end < this.#askedEnd) throw this.#long();
        chunk = chunk.subarray(0, end - this.#offset);
      }
      this.#offset += chunk.length;
      if (chunk.length > 0) yield chunk;
      if (this.#askedEnd !== undefined && this.#offset === end) return undefined;
    }
  }

  /**
   * Why more is needed although the current answer is over, by itself or by a failure; undefined at the end of the content. Throws what
   * asking again does not help against.
   */
  #cutOf(failure: { readonly error: unknown } | undefined): ProtocolError | undefined {
    const { error } = failure ?? {};
    const isCut = error instanceof ProtocolError && !this.#abort.signal.aborted;
    if (failure && !isCut) throw error;
    const end = this.endOffset;
    if (end !== undefined && this.#offset > end) throw this.#long();
    if (this.#offset === end) return undefined;
    if (isCut) return error;
    return end === undefined ? undefined : this.#short();
  }

  async #resume(cut: ProtocolError): Promise<void> {
    if (this.#offset - this.#offsetAtCut >= PROGRESS_BYTES_MIN) this.#cuts = 0;
    this.#offsetAtCut = this.#offset;
    this.#cuts += 1;
    if (this.#cuts > CUTS_MAX) throw cut;
    const { lengthBytes } = this.metadata;
    const canResume =
      this.#offset === 0 ||
      this.#request.isDigestChecked === true ||
      strongValidator(this.metadata) !== undefined ||
      lengthBytes !== undefined;
    if (!canResume) {
      const message = `the origin ${this.#where} broke off, and cannot be resumed because it names neither length nor version; try again`;
      throw new ProtocolError("ORIGIN_FAILED", message, {}, cut);
    }
    const waitMs = backoffMs(
      this.#cuts,
      RESUME_BACKOFF_MS,
      RESUME_BACKOFF_MS_MAX,
      this.#deps.random,
    );
    await this.#deps.clock.sleep(waitMs, this.#abort.signal);
    this.#response = await fetchFrom(
      this.#deps.fetch,
      this.#request,
      this.#offset,
      this.metadata,
      this.#abort,
    );
    this.#body = undefined;
    this.#bodyOffset = bodyOffset(this.#response);
  }

  #short(): ProtocolError {
    return new ProtocolError(
      "ORIGIN_FAILED",
      `the origin ${this.#where} sent less than it said; try again later`,
    );
  }

  #long(): ProtocolError {
    return new ProtocolError(
      "ORIGIN_FAILED",
      `the origin ${this.#where} sends more than it said; try again later`,
    );
  }

  get #where(): string {
    return printableUrl(this.#request.url);
  }
}

/** What was known before fills the gaps of what the answer says. */
function known(expected: OriginVersion, metadata: OriginVersion): OriginVersion {
  return {
    lengthBytes: metadata.lengthBytes ?? expected.lengthBytes,
    etag: metadata.etag ?? expected.etag,
    lastModified: metadata.lastModified ?? expected.lastModified,
  };
}
