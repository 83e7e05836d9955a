/**
 * Binary frames. A frame is one byte that says which message it is, then the message's fields in the
 * wire format of Protocol Buffers (https://protobuf.dev/programming-guides/encoding/), of which only
 * varints (wire type 0) and length-delimited fields (wire type 2) are used. A reader skips fields that
 * it does not know, so a field can be added without a new protocol version.
 */

/** A frame that cannot be read: the peer sent garbage or speaks another protocol. */
export class FrameError extends Error {
  override readonly name = "FrameError";
}

/** How one value is written in a frame. */
export interface Codec<T> {
  readonly wireType: 0 | 2;
  readonly repeated: boolean;
  write(writer: Writer, value: T, tag: number): void;
  /** `previous` is what an earlier occurrence of the field in this frame gave. */
  read(reader: Reader, previous: T | undefined): T;
}

/** A field of a message: its number, never reused for another meaning, and its codec. */
export interface Field<T, Optional extends boolean = false> {
  readonly number: number;
  readonly codec: Codec<T>;
  readonly optional: Optional;
}

/** A field that every frame of its kind has. Repeated fields may be empty. */
export function field<T>(number: number, codec: Codec<T>): Field<T> {
  return { number, codec, optional: false };
}

/** A field that may be absent. */
export function optional<T>(number: number, codec: Codec<T>): Field<T, true> {
  return { number, codec, optional: true };
}

export type Fields = Record<string, Field<unknown, boolean>>;
type FieldValue<F> = F extends Field<infer T, boolean> ? T : never;
type Simplify<T> = { [K in keyof T]: T[K] };

/** The message that a table of fields describes. */
export type MessageOf<F extends Fields> = Simplify<
  { readonly [K in keyof F as F[K]["optional"] extends true ? never : K]: FieldValue<F[K]> } & {
    readonly [K in keyof F as F[K]["optional"] extends true ? K : never]?:
      FieldValue<F[K]> | undefined;
  }
>;

/** Bytes of at least this length are handed on as they are, where the parts of a frame are asked for. */
const LONG_BYTES_MIN = 64 * 1024;

/** Room in which most frames can be put together; what comes of it is copied out, once. */
const ROOM_BYTES = 2 * LONG_BYTES_MIN;
/** Rooms that nobody uses: a message inside a message is written in one of its own. */
const freeRooms: Uint8Array[] = [];
const FREE_ROOMS_MAX = 4;

const VARINT_MAX = Number.MAX_SAFE_INTEGER;

/** Collects the bytes of one frame. */
export class Writer {
  #bytes = freeRooms.pop() ?? new Uint8Array(ROOM_BYTES);
  #length = 0;
  /** What stands before `#bytes`. */
  readonly #parts: Uint8Array[] = [];

  /** Appends an unsigned integer up to 2^53 - 1. */
  varint(value: number): void {
    if (!Number.isSafeInteger(value) || value < 0) throw new RangeError(`varint ${value}`);
    this.#reserve(8);
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  /** Appends bytes with their length before them. */
  bytes(value: Uint8Array): void {
    this.varint(value.length);
    if (value.length >= LONG_BYTES_MIN) {
      this.#parts.push(this.#bytes.slice(0, this.#length), value);
      this.#length = 0;
      return;
    }
    this.#reserve(value.length);
    this.#bytes.set(value, this.#length);
    this.#length += value.length;
  }

  /** Appends one byte. */
  byte(value: number): void {
    this.#reserve(1);
    this.#bytes[this.#length++] = value;
  }

  /** The bytes so far; nothing may be appended any more. */
  finish(): Uint8Array {
    const [first, ...others] = this.finishParts();
    if (others.length === 0) return first!;
    let lengthBytes = first!.length;
    for (const part of others) lengthBytes += part.length;
    const bytes = new Uint8Array(lengthBytes);
    let offset = 0;
    for (const part of [first!, ...others]) {
      bytes.set(part, offset);
      offset += part.length;
    }
    return bytes;
  }

  /** The same in parts, one at least: what is long is not copied, and must not be written to while they are used. */
  finishParts(): readonly Uint8Array[] {
    const room = this.#bytes;
    const bytes = room.slice(0, this.#length);
    this.#bytes = bytes;
    if (room.length === ROOM_BYTES && freeRooms.length < FREE_ROOMS_MAX) freeRooms.push(room);
    return [...this.#parts, bytes];
  }

  #reserve(lengthBytes: number): void {
    if (this.#length + lengthBytes <= this.#bytes.length) return;
    const grown = new Uint8Array(Math.max(this.#bytes.length * 2, this.#length + lengthBytes));
    grown.set(this.#bytes.subarray(0, this.#length));
    this.#bytes = grown;
  }
}

/** Reads the bytes of one frame; every method throws FrameError past the end. */
export class Reader {
  readonly #bytes: Uint8Array;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#offset >= this.#bytes.length;
  }

  byte(): number {
    const value = this.#bytes[this.#offset];
    if (value === undefined) throw new FrameError("frame ends early");
    this.#offset += 1;
    return value;
  }

  varint(): number {
    let value = 0;
    let scale = 1;
    for (let i = 0; i < 8; i++) {
      const byte = this.byte();
      value += (byte & 0x7f) * scale;
      if (value > VARINT_MAX) break;
      if ((byte & 0x80) === 0) return value;
      scale *= 0x80;
    }
    throw new FrameError("integer is too large");
  }

  /** A view into the frame; the caller copies what it keeps. */
  bytes(): Uint8Array {
    const lengthBytes = this.varint();
    if (lengthBytes > this.#bytes.length - this.#offset) throw new FrameError("frame ends early");
    const start = this.#offset;
    this.#offset += lengthBytes;
    return this.#bytes.subarray(start, this.#offset);
  }

  skip(wireType: number): void {
    if (wireType === 0) this.varint();
    else if (wireType === 2) this.bytes();
    else throw new FrameError(`wire type ${wireType} is not used here`);
  }
}

/** Writes the fields of a message. */
export function writeFields<F extends Fields>(
  writer: Writer,
  fields: F,
  message: MessageOf<F>,
): void {
  for (const [name, { number, codec, optional: isOptional }] of Object.entries(fields)) {
    const value = (message as Record<string, unknown>)[name];
    if (value === undefined) {
      if (isOptional) continue;
      throw new TypeError(`field ${name} is missing`);
    }
    codec.write(writer, value, (number << 3) | codec.wireType);
  }
}

/** Reads the fields of a message to the end of `reader`. Throws FrameError when one is missing or wrong. */
export function readFields<F extends Fields>(reader: Reader, fields: F): MessageOf<F> {
  const message: Record<string, unknown> = {};
  const byNumber = fieldsByNumber(fields);
  while (!reader.isAtEnd) {
    const tag = reader.varint();
    const known = byNumber.get(Math.floor(tag / 8));
    if (!known) {
      reader.skip(tag & 7);
      continue;
    }
    const [name, codec] = known;
    if (codec.wireType !== (tag & 7)) throw new FrameError(`field ${name} has another type`);
    message[name] = codec.read(reader, message[name]);
  }
  for (const [name, { codec, optional: isOptional }] of Object.entries(fields)) {
    if (message[name] !== undefined || isOptional) continue;
    if (!codec.repeated) throw new FrameError(`field ${name} is missing`);
    message[name] = [];
  }
  return message as MessageOf<F>;
}

const numberings = new WeakMap<Fields, Map<number, readonly [string, Codec<unknown>]>>();

function fieldsByNumber(fields: Fields): Map<number, readonly [string, Codec<unknown>]> {
  let numbering = numberings.get(fields);
  if (!numbering) {
    numbering = new Map();
    for (const [name, { number, codec }] of Object.entries(fields))
      numbering.set(number, [name, codec]);
    numberings.set(fields, numbering);
  }
  return numbering;
}
