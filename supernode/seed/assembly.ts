import type { StoredTask } from "../../store/piece-store.ts";
import { storageErrorOf } from "../../store/piece-store.ts";
import type { AssemblyChunk, AssemblyReply } from "./assembly-message.ts";
import type { AssembledEnd, AssembledPiece } from "./piece-assembler.ts";
import type { Slot } from "./slot.ts";

/** Slots that one content has under way at most; the one that is being filled comes on top. */
const SLOTS_IN_FLIGHT_MAX = 2;

/** Where bytes lie in a task. */
export interface Place {
  readonly offsetBytes: number;
  readonly lengthBytes: number;
}

type OrderWithoutId = Omit<AssemblyChunk, "id"> | { readonly kind: "finish" | "drop" };

/** What a content needs from the thread that it is worked on in. */
export interface AssemblyLine {
  send(order: OrderWithoutId): void;
  takeSlot(): Slot;
  /** `written` says which bytes of the task the slot holds, when they were written. */
  giveSlot(slot: Slot, written: Place | undefined): void;
  ended(): void;
}

/** One content that comes in order and is hashed and written in another thread. Dispose it before its file is closed. */
export class Assembly implements AsyncDisposable {
  readonly #task: StoredTask;
  readonly #onPiece: (piece: AssembledPiece) => void;
  readonly #line: AssemblyLine;
  readonly #inFlight = new Map<number, { readonly slot: Slot; readonly written?: Place }>();
  readonly #finished = Promise.withResolvers<AssembledEnd>();
  readonly #dropped = Promise.withResolvers<void>();
  #slot: Slot | undefined;
  #filledBytes = 0;
  /** Where the slot that is being filled begins. */
  #offset: number;
  #failure: { readonly error: unknown } | undefined;
  #isOver = false;
  #isLost = false;
  #wake: (() => void) | undefined;

  constructor(
    task: StoredTask,
    startOffset: number,
    onPiece: (piece: AssembledPiece) => void,
    line: AssemblyLine,
  ) {
    this.#task = task;
    this.#offset = startOffset;
    this.#onPiece = onPiece;
    this.#line = line;
    this.#finished.promise.catch(() => undefined);
  }

  /** Where the next byte to come in stands. */
  get offsetBytes(): number {
    return this.#offset + this.#filledBytes;
  }

  /**
   * Takes the next bytes, any number; resolves when the view may be used again. Pieces that are held are not written.
   * One call at a time. Throws StorageFullError, what `onPiece` threw, and what else goes wrong.
   */
  async push(bytes: Uint8Array): Promise<void> {
    for (let done = 0; done < bytes.length;) {
      const slot = await this.#openSlot();
      const partBytes = slot.fill(this.#filledBytes, bytes, done, this.#roomBytes(slot));
      done += partBytes;
      this.filled(partBytes);
    }
  }

  /**
   * Where the next bytes can be put instead of being pushed: it has room for one at least. Say with `filled` how many there
   * are. Throws as push does.
   */
  async room(): Promise<Uint8Array> {
    const slot = await this.#openSlot();
    return slot.room(this.#filledBytes, this.#roomBytes(slot));
  }

  /** So many bytes were put into the room; it may not be written to any more. */
  filled(lengthBytes: number): void {
    const isFull = lengthBytes === this.#roomBytes(this.#slot!);
    this.#filledBytes += lengthBytes;
    if (isFull || this.offsetBytes === this.#task.record.lengthBytes) this.#send();
  }

  /** No byte follows. Called once. Throws as push does. */
  async finish(): Promise<AssembledEnd> {
    if (this.#filledBytes > 0) this.#send();
    this.#line.send({ kind: "finish" });
    const end = await this.#finished.promise;
    if (this.#failure) throw this.#failure.error;
    return end;
  }

  /** Resolves when all that was pushed is written, and its whole pieces are handed out, or nothing more will be. */
  async settled(): Promise<void> {
    while (!this.#failure && this.#inFlight.size > 0) await this.#answer();
  }

  /** The thread has answered. */
  answered(reply: AssemblyReply): void {
    switch (reply.kind) {
      case "taken":
        this.#taken(reply);
        break;
      case "finished":
        this.#finished.resolve(reply.end);
        break;
      case "dropped":
        this.#dropped.resolve();
        break;
      default:
        throw new TypeError(`there is no reply ${String(reply satisfies never)}`);
    }
  }

  /** The thread is gone: nothing is written any more. */
  lost(): void {
    this.#isLost = true;
    this.#fail(new Error("the thread that hashes and writes is gone; ask again"));
    this.#finished.reject(this.#failure!.error);
    this.#dropped.resolve();
  }

  /** Gives the rest up; resolves when nothing is written any more. Harmless at the end. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.#isOver = true;
    this.#line.send({ kind: "drop" });
    await this.#dropped.promise;
    if (this.#slot && !this.#isLost) this.#line.giveSlot(this.#slot, undefined);
    this.#slot = undefined;
    this.#line.ended();
  }

  async #openSlot(): Promise<Slot> {
    return (this.#slot ??= await this.#nextSlot());
  }

  async #nextSlot(): Promise<Slot> {
    while (!this.#failure && this.#inFlight.size >= SLOTS_IN_FLIGHT_MAX) await this.#answer();
    if (this.#failure) throw this.#failure.error;
    return this.#line.takeSlot();
  }

  async #answer(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#wake = resolve;
    await promise;
  }

  /** What fits besides what is there. A slot never holds bytes of two pieces, for one of them may be held already. */
  #roomBytes(slot: Slot): number {
    const { pieceLengthBytes } = this.#task.record;
    const leftOfPiece = pieceLengthBytes - (this.#offset % pieceLengthBytes);
    return Math.min(slot.lengthBytes, leftOfPiece) - this.#filledBytes;
  }

  #send(): void {
    const slot = this.#slot!;
    const place = { offsetBytes: this.#offset, lengthBytes: this.#filledBytes };
    const { pieceLengthBytes, lengthBytes: wholeBytes } = this.#task.record;
    const isHeld = this.#task.have.has(Math.floor(place.offsetBytes / pieceLengthBytes));
    const isPieceBegun = place.offsetBytes % pieceLengthBytes > 0;
    if (!isHeld && !isPieceBegun && wholeBytes === undefined) this.#task.reserve(pieceLengthBytes);
    this.#offset += this.#filledBytes;
    this.#slot = undefined;
    this.#filledBytes = 0;
    this.#inFlight.set(slot.index, isHeld ? { slot } : { slot, written: place });
    const target = isHeld ? undefined : { fd: this.#task.fd, offsetBytes: place.offsetBytes };
    const { lengthBytes } = place;
    this.#line.send({ kind: "chunk", slot: slot.index, lengthBytes, target });
  }

  #taken(reply: Extract<AssemblyReply, { kind: "taken" }>): void {
    const { slot, written } = this.#inFlight.get(reply.slot)!;
    this.#inFlight.delete(reply.slot);
    this.#line.giveSlot(slot, reply.failure ? undefined : written);
    if (reply.failure) this.#fail(storageErrorOf(Object.assign(new Error(), reply.failure)));
    try {
      if (!this.#isOver && !this.#failure) reply.pieces.forEach(this.#onPiece);
    } catch (error) {
      this.#fail(error);
    }
    this.#wake?.();
  }

  #fail(error: unknown): void {
    this.#failure ??= { error };
    this.#wake?.();
  }
}
