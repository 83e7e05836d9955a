import { isTaskShape, pieceCount } from "../../protocol/piece-table.ts";

/** The sha256 of every piece of a content whose whole digest was proven. */
export interface PieceProof {
  readonly lengthBytes: number;
  readonly pieceLengthBytes: number;
  /** 32 bytes for each piece, in order. */
  readonly sha256s: Uint8Array;
}

/** The sha256 of one piece. */
export function provenSha256(proof: PieceProof, pieceIndex: number): Uint8Array {
  return proof.sha256s.subarray(pieceIndex * 32, pieceIndex * 32 + 32);
}

const HEADER_BYTES = 8 + 8;

/** The bytes of a proof for the disk: the two lengths, the digests. */
export function encodeProof(proof: PieceProof): Uint8Array {
  const bytes = new Uint8Array(HEADER_BYTES + proof.sha256s.length);
  const view = new DataView(bytes.buffer);
  view.setFloat64(0, proof.lengthBytes);
  view.setFloat64(8, proof.pieceLengthBytes);
  bytes.set(proof.sha256s, HEADER_BYTES);
  return bytes;
}

/** Reads a proof. Returns undefined for bytes that have not its form. */
export function decodeProof(bytes: Uint8Array): PieceProof | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lengthBytes = view.getFloat64(0);
  const pieceLengthBytes = view.getFloat64(8);
  const sha256s = new Uint8Array(bytes.subarray(HEADER_BYTES));
  if (!isTaskShape(lengthBytes, pieceLengthBytes)) return undefined;
  if (sha256s.length !== 32 * pieceCount(lengthBytes, pieceLengthBytes)) return undefined;
  return { lengthBytes, pieceLengthBytes, sha256s };
}
