const PART_BYTES_MAX = 255;

/**
 * A path below a directory, from parts that somebody else chose. Returns undefined where one of them would lead out
 * of the directory, or can be no file name.
 */
export function safePath(parts: readonly string[]): string | undefined {
  const isSafe = (part: string): boolean =>
    part !== "" &&
    part !== "." &&
    part !== ".." &&
    !part.includes("/") &&
    !part.includes("\0") &&
    Buffer.byteLength(part) <= PART_BYTES_MAX;
  return parts.length > 0 && parts.every(isSafe) ? parts.join("/") : undefined;
}
