import { statSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Names the directory that a path lies in by its device and its number: two programs that get the same name look at the same directory,
 * though one of them may run in a container. Undefined where there is none.
 */
export function placeName(path: string): string | undefined {
  const info = statSync(dirname(path), { bigint: true, throwIfNoEntry: false });
  return info && `${info.dev}:${info.ino}`;
}
