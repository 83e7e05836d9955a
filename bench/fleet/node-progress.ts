/** When a node had its first byte, half of all and all; milliseconds after it began. */
export interface NodeTimes {
  readonly firstByteMs: number;
  readonly halfMs: number;
  readonly lastMs: number;
}

/** Follows what a node's clients have been given, of all files together. */
export class NodeProgress {
  readonly #wantedBytes: number;
  readonly #startMs: number;
  #arrivedBytes = 0;
  #firstByteMs: number | undefined;
  #halfMs: number | undefined;
  #lastMs = 0;

  /** The node begins now and wants so many bytes. */
  constructor(nowMs: number, wantedBytes: number) {
    this.#startMs = nowMs;
    this.#wantedBytes = wantedBytes;
  }

  /** More bytes have come. */
  arrived(nowMs: number, lengthBytes: number): void {
    if (lengthBytes === 0) return;
    this.#arrivedBytes += lengthBytes;
    this.#firstByteMs ??= nowMs - this.#startMs;
    if (this.#arrivedBytes * 2 >= this.#wantedBytes) this.#halfMs ??= nowMs - this.#startMs;
  }

  /** A file is complete and its client was told so. */
  fileEnded(nowMs: number): void {
    this.#lastMs = nowMs - this.#startMs;
  }

  /** Throws when bytes are missing. */
  times(): NodeTimes {
    if (this.#firstByteMs === undefined || this.#arrivedBytes !== this.#wantedBytes) {
      throw new Error(`${this.#arrivedBytes} bytes have come instead of ${this.#wantedBytes}`);
    }
    return {
      firstByteMs: this.#firstByteMs,
      halfMs: this.#halfMs ?? this.#lastMs,
      lastMs: this.#lastMs,
    };
  }
}
