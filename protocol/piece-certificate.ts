/**
 * A piece certificate says what a piece's bytes are, and who vouches for it. It travels with the piece,
 * so that whoever gets the piece from anyone can check it without asking.
 *
 *     kind 1, made by a supernode:  1 | sha256 (32) | signature (64)
 *     kind 2, made by a node:       2 | sha256 (32) | signature (64) | node key (32) | endorsement (64)
 *
 * The signature covers {@link certificateMessage}; the endorsement is a supernode's signature over
 * {@link endorsementMessage}. All signatures are Ed25519 (RFC 8032).
 */
export type PieceCertificate = SupernodeCertificate | NodeCertificate;

interface CertificateBase {
  readonly sha256: Uint8Array;
  readonly signature: Uint8Array;
}

/** A certificate made by the supernode that read the piece from its origin. */
export interface SupernodeCertificate extends CertificateBase {
  readonly kind: "supernode";
}

/** A certificate made by a node that read the piece from its origin while no supernode could. */
export interface NodeCertificate extends CertificateBase {
  readonly kind: "node";
  readonly nodeKey: Uint8Array;
  readonly endorsement: Uint8Array;
}

const KIND_SUPERNODE = 1;
const KIND_NODE = 2;
const SUPERNODE_LENGTH_BYTES = 1 + 32 + 64;
const NODE_LENGTH_BYTES = SUPERNODE_LENGTH_BYTES + 32 + 64;

/** Reads a certificate. Returns undefined for bytes that have no known form. */
export function parseCertificate(bytes: Uint8Array): PieceCertificate | undefined {
  if (bytes.length < SUPERNODE_LENGTH_BYTES) return undefined;
  const base = { sha256: bytes.subarray(1, 33), signature: bytes.subarray(33, 97) };
  if (bytes[0] === KIND_SUPERNODE && bytes.length === SUPERNODE_LENGTH_BYTES) {
    return { kind: "supernode", ...base };
  }
  if (bytes[0] === KIND_NODE && bytes.length === NODE_LENGTH_BYTES) {
    return {
      kind: "node",
      ...base,
      nodeKey: bytes.subarray(97, 129),
      endorsement: bytes.subarray(129, 193),
    };
  }
  return undefined;
}

/** Writes a certificate in the form that {@link parseCertificate} reads. */
export function formatCertificate(certificate: PieceCertificate): Uint8Array {
  const isNode = certificate.kind === "node";
  const bytes = new Uint8Array(isNode ? NODE_LENGTH_BYTES : SUPERNODE_LENGTH_BYTES);
  bytes[0] = isNode ? KIND_NODE : KIND_SUPERNODE;
  bytes.set(certificate.sha256, 1);
  bytes.set(certificate.signature, 33);
  if (isNode) {
    bytes.set(certificate.nodeKey, 97);
    bytes.set(certificate.endorsement, 129);
  }
  return bytes;
}

/** The sha256 that a certificate vouches for, without looking at who vouches. */
export function certificateSha256(bytes: Uint8Array): Uint8Array | undefined {
  return parseCertificate(bytes)?.sha256;
}

/** The text whose signature makes a piece certificate. */
export function certificateMessage(
  taskId: string,
  pieceIndex: number,
  lengthBytes: number,
  sha256Hex: string,
): string {
  return `darter piece 1\n${taskId}\n${pieceIndex}\n${lengthBytes}\n${sha256Hex}`;
}

/** The text by whose signature a supernode endorses a node's key. */
export function endorsementMessage(nodeKeyHex: string): string {
  return `darter node 1\n${nodeKeyHex}`;
}
