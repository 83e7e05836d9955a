import type { Codec, Fields, MessageOf } from "./wire.ts";
import { FrameError, Reader, Writer, readFields, writeFields } from "./wire.ts";

// Both are in every runtime, but only in the type libraries of browsers and of Node.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new (
  label: string,
  options: { fatal: boolean },
) => { decode(bytes: Uint8Array): string };

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });

/** An unsigned integer up to 2^53 - 1. */
export const uint: Codec<number> = {
  wireType: 0,
  repeated: false,
  write(writer, value, tag) {
    writer.varint(tag);
    writer.varint(value);
  },
  read: (reader) => reader.varint(),
};

export const boolean: Codec<boolean> = {
  wireType: 0,
  repeated: false,
  write(writer, value, tag) {
    writer.varint(tag);
    writer.varint(value ? 1 : 0);
  },
  read: (reader) => reader.varint() !== 0,
};

/** Bytes; what is read is a view into the frame. */
export const bytes: Codec<Uint8Array> = {
  wireType: 2,
  repeated: false,
  write(writer, value, tag) {
    writer.varint(tag);
    writer.bytes(value);
  },
  read: (reader) => reader.bytes(),
};

/** UTF-8 text of at most `lengthMax` bytes. */
export function text(lengthMax: number): Codec<string> {
  return {
    wireType: 2,
    repeated: false,
    write(writer, value, tag) {
      writer.varint(tag);
      writer.bytes(encoder.encode(value));
    },
    read(reader) {
      const view = reader.bytes();
      if (view.length > lengthMax) throw new FrameError(`text is longer than ${lengthMax} bytes`);
      try {
        return decoder.decode(view);
      } catch {
        throw new FrameError("text is not UTF-8");
      }
    },
  };
}

/** One of a list of words; the number on the wire is the word's place in the list, counted from 1. */
export function oneOf<const T extends readonly string[]>(words: T): Codec<T[number]> {
  return {
    wireType: 0,
    repeated: false,
    write(writer, value, tag) {
      writer.varint(tag);
      writer.varint(words.indexOf(value) + 1);
    },
    read(reader) {
      const word = words[reader.varint() - 1];
      if (word === undefined) throw new FrameError("word is not in the list");
      return word;
    },
  };
}

/** Integers packed into one field, at most `countMax`. */
export function uints(countMax: number): Codec<readonly number[]> {
  return {
    wireType: 2,
    repeated: true,
    write(writer, values, tag) {
      const packed = new Writer();
      for (const value of values) packed.varint(value);
      writer.varint(tag);
      writer.bytes(packed.finish());
    },
    read(reader, previous) {
      const packed = new Reader(reader.bytes());
      const values = (previous ?? []) as number[];
      while (!packed.isAtEnd) {
        if (values.length >= countMax) throw new FrameError(`more than ${countMax} integers`);
        values.push(packed.varint());
      }
      return values;
    },
  };
}

/** A message inside a message. */
export function message<F extends Fields>(fields: F): Codec<MessageOf<F>> {
  return {
    wireType: 2,
    repeated: false,
    write(writer, value, tag) {
      const inner = new Writer();
      writeFields(inner, fields, value);
      writer.varint(tag);
      writer.bytes(inner.finish());
    },
    read: (reader) => readFields(new Reader(reader.bytes()), fields),
  };
}

/** Any number of values up to `countMax`, each in a field of its own. */
export function list<T>(codec: Codec<T>, countMax: number): Codec<readonly T[]> {
  return {
    wireType: codec.wireType,
    repeated: true,
    write(writer, values, tag) {
      for (const value of values) codec.write(writer, value, tag);
    },
    read(reader, previous) {
      if ((previous?.length ?? 0) >= countMax) throw new FrameError(`more than ${countMax} values`);
      const values = (previous ?? []) as T[];
      values.push(codec.read(reader, undefined));
      return values;
    },
  };
}
