import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { DownloadRequest } from "./api-schema.ts";

/** The bytes to read for a range that was asked for. Throws ProtocolError BAD_REQUEST for one outside. */
export function readRangeOf(
  range: DownloadRequest["range"],
  lengthBytes: number | undefined,
): { readonly firstByte: number; readonly lastByte?: number } {
  if (range === undefined) return { firstByte: 0 };
  const { firstByte = 0, lastByte, suffixBytes, mayBeEmpty = false } = range;
  if (suffixBytes !== undefined) {
    if (lengthBytes !== undefined) return { firstByte: Math.max(0, lengthBytes - suffixBytes) };
    throw outside("the origin does not tell the length, so its end cannot be asked for");
  }
  if (lastByte !== undefined && lastByte < firstByte)
    throw outside("the range ends before it starts");
  // A download that goes on where it was may have been at the end, and an empty file has no first byte.
  const end = lengthBytes === undefined ? Infinity : lengthBytes + (mayBeEmpty ? 1 : 0);
  if (firstByte > 0 && firstByte >= end) {
    throw outside(`the range begins after the end of the ${lengthBytes} bytes`);
  }
  return { firstByte, ...(lastByte === undefined ? {} : { lastByte }) };
}

function outside(message: string): ProtocolError {
  return new ProtocolError("BAD_REQUEST", message);
}
