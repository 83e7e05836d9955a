import { Bitmap } from "../../protocol/bitmap.ts";

/** The map cut or extended to `length` pieces: a node may know more or fewer pieces of a task of unknown length. */
export function fitted(map: Bitmap, length: number): Bitmap {
  if (map.length === length) return map;
  const fit = new Bitmap(length);
  for (const index of map) {
    if (index >= length) break;
    fit.add(index);
  }
  return fit;
}
