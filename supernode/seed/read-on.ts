import type { OriginStream } from "../../platform/origin/origin-stream.ts";
import type { Assembly } from "./assembly.ts";

/**
 * Reads a stream to its end into the memory of an assembly. Returns false, with nothing of what was too much taken, when the
 * content would become longer than `lengthBytesMax`. Throws what the two throw.
 */
export async function readOn(
  stream: OriginStream,
  assembly: Assembly,
  lengthBytesMax: number,
  signal: AbortSignal,
): Promise<boolean> {
  for (;;) {
    const room = await assembly.room();
    const filledBytes = await stream.readInto(room, signal);
    if (assembly.offsetBytes + filledBytes > lengthBytesMax) return false;
    if (filledBytes > 0) assembly.filled(filledBytes);
    if (filledBytes < room.length) return true;
  }
}
