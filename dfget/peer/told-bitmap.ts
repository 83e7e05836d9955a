import { Bitmap } from "../../protocol/bitmap.ts";

/** Reads a bitmap that another process told; undefined when it is not one of that length. */
export function bitmapOf(bytes: Uint8Array, length: number): Bitmap | undefined {
  try {
    return Bitmap.fromBytes(bytes, length);
  } catch {
    return undefined;
  }
}

/** The same pieces in a bitmap of another length; those that do not fit are left out. */
export function resized(map: Bitmap, length: number): Bitmap {
  if (map.length === length) return map;
  const copy = new Bitmap(length);
  for (const piece of map) if (piece < length) copy.add(piece);
  return copy;
}
