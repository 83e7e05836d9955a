import type { Socket } from "node:net";
import { connect } from "node:net";
import { lowestRate, patientRate, TokenBucket } from "../../platform/token-bucket.ts";
import { formatEndpoint } from "../../protocol/endpoint.ts";
import type { FetchedPiece, FetchLimits, FetchOrder } from "./fetch-message.ts";
import { answerFailure, certificateOf } from "./piece-answer.ts";
import { PieceBody } from "./piece-body.ts";
import { PieceFetchError } from "./piece-fetch-error.ts";
import type { ResponseHead } from "./response-reader.ts";
import { ResponseReader } from "./response-reader.ts";

/** One fetch on its way. */
export interface FetchJob {
  readonly id: number;
  readonly order: FetchOrder;
  /** It failed on a kept-alive connection before a byte came, and runs again on a new one. */
  isRetried: boolean;
}

/** What a connection tells its pool; each job is ended exactly once, by done or again. */
export interface ConnectionEvents {
  done(job: FetchJob, result: FetchedPiece | PieceFetchError): void;
  /** The kept-alive connection was dead; the job has to run on a new one. */
  again(job: FetchJob): void;
  /** The connection can take another job. */
  free(connection: PieceConnection): void;
  closed(connection: PieceConnection): void;
}

/**
 * What the kernel has is read into this by every connection of the thread: a chunk is hashed and
 * written before the next read of any connection, and 512 KiB stay in the second-level cache.
 */
const RECEIVE_BUFFER = Buffer.allocUnsafeSlow(512 * 1024);

/**
 * On a slow line bytes come a packet at a time. Where a read brought less than this, the next one waits a
 * moment, because a read costs the same whether it brings one packet or thirty.
 */
const SMALL_READ_BYTES = 16 * 1024;
const GATHER_MS = 4;

/** The body of a refusal is read, to keep the connection, up to this length. */
const REFUSAL_LENGTH_BYTES_MAX = 64 * 1024;

/** One kept-alive connection to a piece server; it runs one fetch at a time. */
export class PieceConnection {
  readonly endpoint: string;
  /** Whether it reads little at a time where a limit is in force; what was read before is not waited for at the end. */
  readonly isEven: boolean;
  readonly #limits: FetchLimits;
  readonly #bucket: TokenBucket;
  #taskBucket: TokenBucket | undefined;
  #resting: NodeJS.Timeout | undefined;
  readonly #events: ConnectionEvents;
  readonly #socket: Socket;
  readonly #reader = new ResponseReader();
  #job: FetchJob | undefined;
  #body: PieceBody | undefined;
  #certificate: Uint8Array | undefined;
  #refusal: PieceFetchError | undefined;
  #deadline: NodeJS.Timeout | undefined;
  #isConnected = false;
  #isReused = false;
  #isKeptAlive = true;
  #hasAnswer = false;
  #isAnswerRead = false;
  #startMs = 0;

  /** Connects at once; the first job may be started at once too. */
  constructor(
    host: string,
    port: number,
    parts: { limits: FetchLimits; bucket: TokenBucket; isEven: boolean },
    events: ConnectionEvents,
  ) {
    const { limits, bucket, isEven } = parts;
    this.isEven = isEven;
    this.endpoint = formatEndpoint({ host, port });
    this.#limits = limits;
    this.#bucket = bucket;
    this.#events = events;
    const onread = {
      // Asking for it at every read costs a tenth of the receiving, so only where a limit is in force.
      buffer: isEven ? () => this.#receiveBuffer() : RECEIVE_BUFFER,
      callback: (lengthBytes: number, buffer: Uint8Array): boolean => {
        // The head is small and comes alone from who reads from a disk then; that says nothing of the line.
        const isBody = this.#body !== undefined;
        this.#receive(buffer.subarray(0, lengthBytes));
        return !this.#mustRest(lengthBytes, isBody);
      },
    };
    this.#socket = connect({ host, port, noDelay: true, onread });
    this.#socket.once("connect", () => this.#connected());
    this.#socket.on("timeout", () => this.#timedOut());
    this.#socket.on("error", (error) => this.#lost(error));
    this.#socket.on("end", () => this.#lost(new Error("the other side closed the connection")));
    this.#socket.on("close", () => {
      clearTimeout(this.#resting);
      this.#lost(new Error("the connection was closed"));
      this.#events.closed(this);
    });
  }

  /** Runs a job; the connection must be free. */
  start(job: FetchJob): void {
    const { connectTimeoutMs, firstByteTimeoutMs, stallTimeoutMs } = this.#limits;
    this.#job = job;
    this.#body = undefined;
    this.#certificate = undefined;
    this.#refusal = undefined;
    this.#hasAnswer = false;
    this.#isAnswerRead = false;
    this.#startMs = performance.now();
    this.#socket.setTimeout(this.#isConnected ? firstByteTimeoutMs : connectTimeoutMs);
    const { taskBucket, lengthBytes } = job.order;
    this.#taskBucket = taskBucket === undefined ? undefined : new TokenBucket(taskBucket);
    const limit = lowestRate(this.#bucket.bytesPerSecond, this.#taskBucket?.bytesPerSecond ?? 0);
    const rateMin = patientRate(this.#limits.rateMinBytesPerSecond, limit);
    const transferMs = (lengthBytes / rateMin) * 1000;
    const deadlineMs = connectTimeoutMs + firstByteTimeoutMs + stallTimeoutMs + transferMs;
    this.#deadline = setTimeout(() => this.#late(), deadlineMs);
    this.#socket.write(requestHead(job.order, this.endpoint));
  }

  /** Ends the job, if that one runs here, and the connection: nothing of it is written afterwards. */
  abort(): void {
    this.#fail(new PieceFetchError("aborted", "The fetch was aborted."));
  }

  /** Closes a connection that has no job. */
  close(): void {
    this.#socket.destroy();
  }

  #connected(): void {
    this.#isConnected = true;
    this.#startMs = performance.now();
    this.#socket.setTimeout(this.#limits.firstByteTimeoutMs);
  }

  /** Small where a limit is in force, so that what comes is even. */
  #receiveBuffer(): Uint8Array {
    const { length } = RECEIVE_BUFFER;
    const sliceBytes = Math.min(
      this.#bucket.sliceBytes(length),
      this.#taskBucket?.sliceBytes(length) ?? length,
    );
    return sliceBytes === length ? RECEIVE_BUFFER : RECEIVE_BUFFER.subarray(0, sliceBytes);
  }

  /** Whether the connection may not be read for a while, for the sake of the limits; it is read on by itself. */
  #mustRest(lengthBytes: number, isBody: boolean): boolean {
    const restMs = Math.max(
      this.#bucket.take(lengthBytes),
      this.#taskBucket?.take(lengthBytes) ?? 0,
      isBody ? this.#gatherMs(lengthBytes) : 0,
    );
    if (restMs < 1 || this.#socket.destroyed) return false;
    // A rest is no stall: the time until one begins when it is over.
    this.#resting = setTimeout(() => {
      this.#resting = undefined;
      this.#socket.resume();
    }, restMs);
    return true;
  }

  /** How long to wait for more, when little came and much is still to come. */
  #gatherMs(lengthBytes: number): number {
    const isMuchLeft = (this.#body?.leftBytes ?? 0) > SMALL_READ_BYTES;
    return lengthBytes < SMALL_READ_BYTES && isMuchLeft ? GATHER_MS : 0;
  }

  #receive(bytes: Uint8Array): void {
    if (this.#socket.destroyed) return;
    if (this.#job === undefined) {
      // Nobody asked: whatever this is, it must not be taken for the answer to the next request.
      this.#socket.destroy();
      return;
    }
    try {
      this.#reader.push(bytes, {
        head: (head) => this.#head(head),
        body: (chunk) => this.#body?.push(chunk),
        end: () => {
          this.#body?.end();
          this.#isAnswerRead = true;
        },
      });
    } catch (error) {
      const failure = error instanceof PieceFetchError ? error : undefined;
      this.#fail(failure ?? new PieceFetchError("protocol", (error as Error).message));
      return;
    }
    if (this.#isAnswerRead) this.#answered();
  }

  #head(head: ResponseHead): void {
    if (this.#isAnswerRead) {
      throw new PieceFetchError("protocol", "The other side sends more than was asked for.");
    }
    const { order } = this.#job!;
    this.#hasAnswer = true;
    this.#isKeptAlive = head.isKeptAlive;
    this.#socket.setTimeout(this.#limits.stallTimeoutMs);
    this.#refusal = answerFailure(head, order);
    if (this.#refusal === undefined) {
      this.#certificate = certificateOf(head);
      this.#body = new PieceBody(order);
    } else if (this.#refusal.reason === "protocol") throw this.#refusal;
    else if (head.contentLengthBytes > REFUSAL_LENGTH_BYTES_MAX) throw this.#refusal;
  }

  #answered(): void {
    const durationMs = performance.now() - this.#startMs;
    const body = this.#body;
    const result = this.#refusal ?? {
      sha256: body!.digest(),
      certificate: this.#certificate,
      durationMs,
      bytes: body!.bytes,
    };
    const isUsable = this.#isKeptAlive && this.#reader.isIdle;
    const job = this.#endJob();
    if (isUsable) {
      this.#isReused = true;
      this.#socket.setTimeout(this.#limits.idleTimeoutMs);
    } else this.#socket.destroy();
    if (job !== undefined) this.#events.done(job, result);
    if (isUsable) this.#events.free(this);
  }

  #timedOut(): void {
    // Nothing came because nothing was read.
    if (this.#resting === undefined) this.#late();
    else this.#socket.setTimeout(this.#limits.stallTimeoutMs);
  }

  #late(): void {
    if (this.#job === undefined) {
      this.#socket.destroy();
      return;
    }
    const what = this.#isConnected ? "sending the piece" : "connecting";
    const message = `The other side (${this.endpoint}) took too long ${what}.`;
    this.#fail(new PieceFetchError("timeout", message));
  }

  #lost(error: Error): void {
    if (
      this.#isReused &&
      !this.#hasAnswer &&
      this.#reader.isIdle &&
      this.#job?.isRetried === false
    ) {
      const job = this.#endJob()!;
      this.#socket.destroy();
      job.isRetried = true;
      this.#events.again(job);
      return;
    }
    const reason = this.#isConnected ? "broken" : "refused";
    const message = `The connection to ${this.endpoint} failed: ${error.message}.`;
    this.#fail(new PieceFetchError(reason, message));
  }

  #fail(error: PieceFetchError): void {
    const job = this.#endJob();
    this.#socket.destroy();
    if (job !== undefined) this.#events.done(job, error);
  }

  #endJob(): FetchJob | undefined {
    const job = this.#job;
    this.#job = undefined;
    this.#body = undefined;
    clearTimeout(this.#deadline);
    return job;
  }
}

function requestHead({ path, headers }: FetchOrder, endpoint: string): string {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\nhost: ${endpoint}\r\n${lines.join("")}\r\n`;
}
