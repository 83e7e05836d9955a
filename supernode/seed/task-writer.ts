import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Signer } from "../../platform/signing.ts";
import { certificateSha256 } from "../../protocol/piece-certificate.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import type { PieceProof } from "./piece-proof.ts";
import { provenSha256 } from "./piece-proof.ts";

interface TaskWriterParts {
  readonly task: StoredTask;
  readonly signer: Signer;
  /** What the pieces have to be, where the content was proven before. */
  readonly proof: PieceProof | undefined;
  readonly sink: { pieceReady(pieceIndex: number): void };
}

/** Writes a content that comes in order into its task, and certifies and commits its pieces. */
export class TaskWriter implements AsyncDisposable {
  readonly #parts: TaskWriterParts;
  #writing: Promise<void> = Promise.resolve();

  constructor(parts: TaskWriterParts) {
    this.#parts = parts;
  }

  /** Writes what is not held yet; resolves when it is in the file. One call at a time. */
  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    this.#writing = this.#writeParts(offsetBytes, bytes);
    await this.#writing;
  }

  /**
   * Certifies a piece all of whose bytes were written and commits it. A piece that is held, or known from a proof,
   * must be the same as before: throws ProtocolError ORIGIN_CHANGED or DIGEST_MISMATCH when it is not.
   */
  commit(piece: AssembledPiece): void {
    const { task, proof, signer, sink } = this.#parts;
    const { pieceIndex, lengthBytes, sha256 } = piece;
    const { taskId } = task.record;
    if (proof && !isSame(provenSha256(proof, pieceIndex), sha256)) {
      throw new ProtocolError(
        "DIGEST_MISMATCH",
        `piece ${pieceIndex} of ${taskId} is not what it was when the digest was proven; the content at the origin is damaged`,
      );
    }
    if (task.have.has(pieceIndex)) {
      const held = certificateSha256(task.certificate(pieceIndex)!);
      if (held && isSame(held, sha256)) return;
      throw new ProtocolError(
        "ORIGIN_CHANGED",
        `piece ${pieceIndex} of ${taskId} differs between two readings of the origin; ask for it again`,
      );
    }
    task.commit(pieceIndex, signer.certifyPiece({ taskId, pieceIndex, lengthBytes }, sha256));
    sink.pieceReady(pieceIndex);
  }

  /** Waits for the write that is on its way, whatever becomes of it: the file must stay open so long. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writing.catch(() => undefined);
  }

  async #writeParts(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    const { task } = this.#parts;
    const { pieceLengthBytes } = task.record;
    const end = offsetBytes + bytes.length;
    for (let offset = offsetBytes; offset < end;) {
      const pieceIndex = Math.floor(offset / pieceLengthBytes);
      const next = Math.min(end, (pieceIndex + 1) * pieceLengthBytes);
      if (!task.have.has(pieceIndex)) {
        if (task.record.lengthBytes === undefined) this.#reservePiece(offset);
        await task.write(offset, bytes.subarray(offset - offsetBytes, next - offsetBytes));
      }
      offset = next;
    }
  }

  #reservePiece(offset: number): void {
    const { task } = this.#parts;
    if (offset % task.record.pieceLengthBytes === 0) task.reserve(task.record.pieceLengthBytes);
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
