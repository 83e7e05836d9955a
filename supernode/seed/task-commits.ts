import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Signer } from "../../platform/signing.ts";
import { certificateSha256 } from "../../protocol/piece-certificate.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import type { PieceProof } from "./piece-proof.ts";
import { provenSha256 } from "./piece-proof.ts";

interface TaskCommitsParts {
  readonly task: StoredTask;
  readonly signer: Signer;
  /** What the pieces have to be, where the content was proven before. */
  readonly proof: PieceProof | undefined;
  readonly sink: { pieceReady(pieceIndex: number): void };
}

/** Certifies and commits the pieces of a content that is read from its origin. */
export class TaskCommits {
  readonly #parts: TaskCommitsParts;

  constructor(parts: TaskCommitsParts) {
    this.#parts = parts;
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
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
