import { Bitmap } from "../../protocol/bitmap.ts";
import type { Work } from "./measure.ts";

const PIECES = 4096;

/** Sets of pieces of a large task, half of them held. */
export function bitmapWorks(): Work[] {
  const half = new Bitmap(PIECES);
  for (let index = 0; index < PIECES; index += 2) half.add(index);
  const halfBytes = half.toBytes();
  const almost = Bitmap.full(PIECES);
  almost.delete(PIECES - 1);
  return [
    {
      name: `read a bitmap of ${PIECES} pieces`,
      run: () => Bitmap.fromBytes(halfBytes, PIECES).count,
    },
    { name: `write a bitmap of ${PIECES} pieces`, run: () => half.toBytes().length },
    { name: `find the one missing of ${PIECES} pieces`, run: () => almost.firstMissing() },
    {
      name: `walk ${half.count} pieces of ${PIECES}`,
      run: () => {
        let sum = 0;
        for (const index of half) sum += index;
        return sum;
      },
    },
  ];
}
