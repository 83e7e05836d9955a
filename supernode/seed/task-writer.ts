import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { Signer } from "../../platform/signing.ts";
import { certificateSha256 } from "../../protocol/piece-certificate.ts";
import type { StoredTask } from "../../store/piece-store.ts";
import type { AssembledPiece } from "./piece-assembler.ts";
import type { PieceProof } from "./piece-proof.ts";
import { provenSha256 } from "./piece-proof.ts";

/** Bytes that may be on their way to the disk before the reading of the origin waits. */
const WRITES_BYTES_MAX = 4 * 1024 * 1024;

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
  #writes: Promise<void>[] = [];
  #writingBytes = 0;

  constructor(parts: TaskWriterParts) {
    this.#parts = parts;
  }

  /** Writes what is not held yet; resolves when more may come. The bytes must not change afterwards. */
  async write(offsetBytes: number, bytes: Uint8Array): Promise<void> {
    const { task } = this.#parts;
    const { pieceLengthBytes } = task.record;
    let offset = offsetBytes;
    const end = offsetBytes + bytes.length;
    while (offset < end) {
      const pieceIndex = Math.floor(offset / pieceLengthBytes);
      const next = Math.min(end, (pieceIndex + 1) * pieceLengthBytes);
      if (!task.have.has(pieceIndex)) {
        if (task.record.lengthBytes === undefined) this.#reservePiece(offset);
        const part = bytes.subarray(offset - offsetBytes, next - offsetBytes);
        this.#writingBytes += part.length;
        const write = task.write(offset, part);
        // Its failure is met where the writes are waited for.
        write.catch(() => {});
        this.#writes.push(write);
      }
      offset = next;
    }
    if (this.#writingBytes > WRITES_BYTES_MAX) await this.#flush();
  }

  /**
   * Certifies a piece whose bytes were all given to `write` and commits it. A piece that is held, or known from a proof,
   * must be the same as before: throws ProtocolError ORIGIN_CHANGED or DIGEST_MISMATCH when it is not.
   */
  async commit(piece: AssembledPiece): Promise<void> {
    const { task, proof, signer, sink } = this.#parts;
    const { pieceIndex, lengthBytes, sha256 } = piece;
    const { taskId } = task.record;
    await this.#flush();
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

  /** Waits for the writes that are on their way, whatever becomes of them: the file must stay open so long. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.allSettled(this.#writes);
  }

  #reservePiece(offset: number): void {
    const { task } = this.#parts;
    if (offset % task.record.pieceLengthBytes === 0) task.reserve(task.record.pieceLengthBytes);
  }

  async #flush(): Promise<void> {
    await Promise.all(this.#writes);
    this.#writes = [];
    this.#writingBytes = 0;
  }
}

function isSame(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}
