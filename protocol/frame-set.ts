import type { Fields, MessageOf } from "./wire.ts";
import { FrameError, Reader, Writer, readFields, writeFields } from "./wire.ts";

/** The messages of one channel: a name for each, its number on the wire, and its fields. */
export type FrameTable = Record<string, { readonly type: number; readonly fields: Fields }>;

/** Any message of a channel, told apart by `kind`. */
export type FrameOf<T extends FrameTable> = {
  [K in keyof T]: { readonly kind: K } & MessageOf<T[K]["fields"]>;
}[keyof T];

/** Writes and reads the messages of one channel. */
export interface FrameSet<T extends FrameTable> {
  encode(frame: FrameOf<T>): Uint8Array;
  /** The same bytes in parts, one at least: what is long in the frame is not copied. */
  encodeParts(frame: FrameOf<T>): readonly Uint8Array[];
  /**
   * Reads one frame; bytes in it are views into `bytes`. Returns undefined for a message that this
   * version does not know, which is to be ignored. Throws FrameError for garbage.
   */
  decode(bytes: Uint8Array): FrameOf<T> | undefined;
}

/** Makes the reader and writer of a table of messages. */
export function frameSet<const T extends FrameTable>(table: T): FrameSet<T> {
  const byType = new Map<number, string>();
  for (const [kind, { type }] of Object.entries(table)) byType.set(type, kind);
  const write = (frame: FrameOf<T>): Writer => {
    const { type, fields } = table[frame.kind as string]!;
    const writer = new Writer();
    writer.byte(type);
    writeFields(writer, fields, frame as never);
    return writer;
  };
  return {
    encode: (frame) => write(frame).finish(),
    encodeParts: (frame) => write(frame).finishParts(),
    decode(bytes) {
      if (bytes.length === 0) throw new FrameError("frame is empty");
      const reader = new Reader(bytes);
      const kind = byType.get(reader.byte());
      if (kind === undefined) return undefined;
      return { kind, ...(readFields(reader, table[kind]!.fields) as object) } as FrameOf<T>;
    },
  };
}
