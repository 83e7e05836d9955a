import { sha256 } from "../../platform/digest-check.ts";
import { Signer, TrustedKeys } from "../../platform/signing.ts";
import type { Work } from "./measure.ts";

/** What a piece costs besides its transfer: its hash and its certificate. */
export function signingWorks(): Work[] {
  const supernode = Signer.ephemeral();
  const node = Signer.ephemeral();
  const keys = new TrustedKeys();
  keys.add(supernode.publicKey);
  const piece = { taskId: `sha256:${"ab".repeat(32)}`, pieceIndex: 7, lengthBytes: 1_048_576 };
  const content = new Uint8Array(piece.lengthBytes).fill(7);
  const digest = sha256(content);
  const certificate = supernode.certifyPiece(piece, digest);
  const endorsement = supernode.endorse(node.publicKey);
  const nodeCertificate = node.certifyPieceAsNode(piece, digest, endorsement);
  const believed = (bytes: Uint8Array) => (keys.verifyCertificate(bytes, piece) ? 1 : 0);
  return [
    { name: "hash a piece of 1 MiB", run: () => sha256(content)[0]! },
    { name: "sign a piece", run: () => supernode.certifyPiece(piece, digest).length },
    { name: "verify a piece signed by a supernode", run: () => believed(certificate) },
    { name: "verify a piece signed by a node", run: () => believed(nodeCertificate) },
  ];
}
