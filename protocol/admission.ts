/**
 * An admission says that a node may have the pieces of a private task, because a supernode saw the task's
 * origin give the content to the node's caller. The node shows it to whoever it asks for a piece:
 *
 *     1 | granted at (6) | valid until (6) | signature (64)
 *
 * Both times are milliseconds since 1970, big-endian. The signature is a supernode's (Ed25519) over
 * {@link admissionMessage}.
 */
export interface Admission {
  /** When the origin was asked. */
  readonly grantedAtMs: number;
  readonly untilMs: number;
  readonly signature: Uint8Array;
}

const KIND = 1;
const TIME_LENGTH_BYTES = 6;
const SIGNATURE_LENGTH_BYTES = 64;
const LENGTH_BYTES = 1 + 2 * TIME_LENGTH_BYTES + SIGNATURE_LENGTH_BYTES;

/** Reads an admission. Returns undefined for bytes that have not its form. */
export function parseAdmission(bytes: Uint8Array): Admission | undefined {
  if (bytes.length !== LENGTH_BYTES || bytes[0] !== KIND) return undefined;
  return {
    grantedAtMs: readTime(bytes, 1),
    untilMs: readTime(bytes, 1 + TIME_LENGTH_BYTES),
    signature: bytes.subarray(1 + 2 * TIME_LENGTH_BYTES),
  };
}

/** Writes an admission in the form that {@link parseAdmission} reads. */
export function formatAdmission(admission: Admission): Uint8Array {
  const bytes = new Uint8Array(LENGTH_BYTES);
  bytes[0] = KIND;
  writeTime(bytes, 1, admission.grantedAtMs);
  writeTime(bytes, 1 + TIME_LENGTH_BYTES, admission.untilMs);
  bytes.set(admission.signature, 1 + 2 * TIME_LENGTH_BYTES);
  return bytes;
}

/** The text whose signature makes an admission. */
export function admissionMessage(
  taskId: string,
  nodeId: string,
  { grantedAtMs, untilMs }: Pick<Admission, "grantedAtMs" | "untilMs">,
): string {
  return `darter admission 1\n${taskId}\n${nodeId}\n${grantedAtMs}\n${untilMs}`;
}

function readTime(bytes: Uint8Array, offset: number): number {
  let value = 0;
  for (let i = 0; i < TIME_LENGTH_BYTES; i++) value = value * 256 + bytes[offset + i]!;
  return value;
}

function writeTime(bytes: Uint8Array, offset: number, value: number): void {
  let left = value;
  for (let i = TIME_LENGTH_BYTES - 1; i >= 0; i--) {
    bytes[offset + i] = left % 256;
    left = Math.floor(left / 256);
  }
}
