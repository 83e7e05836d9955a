/** A span of bytes, both ends included, as HTTP writes it. */
export interface ByteRange {
  readonly firstByte: number;
  readonly lastByte: number;
}

/**
 * Reads a Range header for content of `lengthBytes` (RFC 9110, 14.2).
 *
 * Returns undefined where the header is to be ignored and the whole content sent (absent, another unit,
 * malformed, more than one range), "unsatisfiable" where the answer is 416, else the range cut to the
 * content.
 */
export function parseByteRange(
  header: string | undefined,
  lengthBytes: number,
): ByteRange | "unsatisfiable" | undefined {
  const match = /^bytes=\s*(\d*)-(\d*)\s*$/i.exec(header ?? "");
  if (!match) return undefined;
  const [, first = "", last = ""] = match;
  if (first === "" && last === "") return undefined;
  if (first === "") {
    const suffix = Number(last);
    if (suffix === 0 || lengthBytes === 0) return "unsatisfiable";
    return { firstByte: Math.max(0, lengthBytes - suffix), lastByte: lengthBytes - 1 };
  }
  const firstByte = Number(first);
  const lastByte = last === "" ? lengthBytes - 1 : Math.min(Number(last), lengthBytes - 1);
  if (last !== "" && Number(last) < firstByte) return "unsatisfiable";
  if (firstByte >= lengthBytes) return "unsatisfiable";
  return { firstByte, lastByte };
}

/** The most ranges of one request that are answered as they are; a request for more gets the whole content. */
export const RANGES_MAX = 256;

/**
 * Reads a Range header that may name several ranges (RFC 9110, 14.2), in the order that it names them. Returns
 * undefined where the header is to be ignored (also for more than {@link RANGES_MAX} ranges, or for ranges that together are longer
 * than the content), "unsatisfiable" where none of the ranges can be sent.
 */
export function parseByteRanges(
  header: string | undefined,
  lengthBytes: number,
): readonly ByteRange[] | "unsatisfiable" | undefined {
  const match = /^bytes=(.+)$/i.exec(header ?? "");
  const specs = match?.[1]!.split(",").map((spec) => spec.trim());
  if (!specs || specs.length > RANGES_MAX) return undefined;
  const ranges: ByteRange[] = [];
  for (const spec of specs) {
    const range = parseByteRange(`bytes=${spec}`, lengthBytes);
    if (range === undefined) return undefined;
    if (range !== "unsatisfiable") ranges.push(range);
  }
  if (ranges.length === 0) return "unsatisfiable";
  const total = ranges.reduce((sum, { firstByte, lastByte }) => sum + lastByte - firstByte + 1, 0);
  return ranges.length > 1 && total > lengthBytes ? undefined : ranges;
}

/** A Content-Range header of a 206 answer; `completeLengthBytes` is undefined for `*`. */
export interface ContentRange extends ByteRange {
  readonly completeLengthBytes: number | undefined;
}

/** Reads a Content-Range header of a 206 answer. Returns undefined when it is not one. */
export function parseContentRange(header: string | undefined): ContentRange | undefined {
  const match = /^bytes (\d{1,16})-(\d{1,16})\/(\d{1,16}|\*)$/i.exec(header ?? "");
  if (!match) return undefined;
  const firstByte = Number(match[1]);
  const lastByte = Number(match[2]);
  const completeLengthBytes = match[3] === "*" ? undefined : Number(match[3]);
  if (lastByte < firstByte) return undefined;
  if (completeLengthBytes !== undefined && lastByte >= completeLengthBytes) return undefined;
  return { firstByte, lastByte, completeLengthBytes };
}
