import type { KeyObject } from "node:crypto";
import { createPrivateKey, createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import { open, readFile, rename } from "node:fs/promises";
import { dirname } from "node:path";

import type { Admission } from "../protocol/admission.ts";
import { admissionMessage, formatAdmission, parseAdmission } from "../protocol/admission.ts";
import type { PieceCertificate } from "../protocol/piece-certificate.ts";
import {
  certificateMessage,
  endorsementMessage,
  formatCertificate,
  parseCertificate,
} from "../protocol/piece-certificate.ts";
import { makeDirectory } from "./make-directory.ts";
import { EXIT, UserError } from "./user-error.ts";

/** The DER prefix of an Ed25519 public key (RFC 8410, 4), before its 32 bytes. */
const SPKI_PREFIX = Buffer.from("302a300506032b6570032100", "hex");

/** The piece that a certificate is about. */
export interface PieceIdentity {
  readonly taskId: string;
  readonly pieceIndex: number;
  readonly lengthBytes: number;
}

/** An Ed25519 key that signs. */
export class Signer {
  readonly #privateKey: KeyObject;
  /** The 32 bytes of the public key (RFC 8032). */
  readonly publicKey: Uint8Array;

  private constructor(privateKey: KeyObject) {
    this.#privateKey = privateKey;
    const spki = createPublicKey(privateKey).export({ format: "der", type: "spki" });
    this.publicKey = new Uint8Array(spki.subarray(SPKI_PREFIX.length));
  }

  /** A key that lives as long as the process. */
  static ephemeral(): Signer {
    return new Signer(generateKeyPairSync("ed25519").privateKey);
  }

  /** The key in a file (PKCS #8, PEM); where there is none, it is created, readable by its owner only. */
  static async load(path: string): Promise<Signer> {
    try {
      return new Signer(createPrivateKey(await readFile(path)));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ENOENT") {
        throw new UserError(
          EXIT.localFile,
          `the key file ${path} cannot be used: ${String(error)}`,
          error,
        );
      }
    }
    const signer = Signer.ephemeral();
    await makeDirectory(dirname(path));
    const file = await open(`${path}.new`, "w", 0o600);
    try {
      await file.writeFile(signer.#privateKey.export({ format: "pem", type: "pkcs8" }));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(`${path}.new`, path);
    return signer;
  }

  /** The 64 bytes of a signature over a text. */
  sign(message: string): Uint8Array {
    return new Uint8Array(sign(null, Buffer.from(message), this.#privateKey));
  }

  /** The certificate of a piece, as a supernode makes it. */
  certifyPiece(piece: PieceIdentity, sha256: Uint8Array): Uint8Array {
    return formatCertificate({
      kind: "supernode",
      sha256,
      signature: this.#signPiece(piece, sha256),
    });
  }

  /** The certificate of a piece that a node read from the origin itself. */
  certifyPieceAsNode(
    piece: PieceIdentity,
    sha256: Uint8Array,
    endorsement: Uint8Array,
  ): Uint8Array {
    return formatCertificate({
      kind: "node",
      sha256,
      signature: this.#signPiece(piece, sha256),
      nodeKey: this.publicKey,
      endorsement,
    });
  }

  /** A supernode's signature that a key belongs to a node of the cluster. */
  endorse(nodeKey: Uint8Array): Uint8Array {
    return this.sign(endorsementMessage(toHex(nodeKey)));
  }

  /** The admission of a node to a private task. */
  admit(
    taskId: string,
    nodeId: string,
    times: { readonly grantedAtMs: number; readonly untilMs: number },
  ): Uint8Array {
    return formatAdmission({
      ...times,
      signature: this.sign(admissionMessage(taskId, nodeId, times)),
    });
  }

  #signPiece(piece: PieceIdentity, sha256: Uint8Array): Uint8Array {
    return this.sign(pieceMessage(piece, sha256));
  }
}

/** The supernode keys that a process trusts, and the checks that rest on them. */
export class TrustedKeys {
  readonly #keys = new Map<string, KeyObject>();
  /** Endorsed node keys met so far: checking an endorsement costs as much as checking a piece. */
  readonly #endorsed = new Map<string, KeyObject>();

  /** More than a cluster has supernodes; beyond it the oldest key is forgotten. */
  static readonly KEYS_MAX = 64;
  static readonly ENDORSED_MAX = 4096;

  /** Trusts one more supernode. Returns false for bytes that are no key. */
  add(publicKey: Uint8Array): boolean {
    const key = importPublicKey(publicKey);
    if (!key) return false;
    remember(this.#keys, toHex(publicKey), key, TrustedKeys.KEYS_MAX);
    return true;
  }

  /** How many supernodes are trusted. */
  get size(): number {
    return this.#keys.size;
  }

  /**
   * The sha256 that a certificate vouches for, or undefined when it is malformed, is about another
   * piece, or comes from nobody who is trusted.
   */
  verifyCertificate(bytes: Uint8Array, piece: PieceIdentity): Uint8Array | undefined {
    const certificate = parseCertificate(bytes);
    if (!certificate) return undefined;
    const message = Buffer.from(pieceMessage(piece, certificate.sha256));
    for (const key of this.#signersOf(certificate)) {
      if (verify(null, message, key, certificate.signature)) return certificate.sha256;
    }
    return undefined;
  }

  /**
   * The admission that a node shows for a task, or undefined when it is malformed, about another node or task,
   * over at `nowEpochMs`, or comes from nobody who is trusted.
   */
  verifyAdmission(
    bytes: Uint8Array,
    { taskId, nodeId }: { readonly taskId: string; readonly nodeId: string },
    nowEpochMs: number,
  ): Admission | undefined {
    const admission = parseAdmission(bytes);
    if (!admission || admission.untilMs <= nowEpochMs) return undefined;
    const message = Buffer.from(admissionMessage(taskId, nodeId, admission));
    for (const key of this.#keys.values()) {
      if (verify(null, message, key, admission.signature)) return admission;
    }
    return undefined;
  }

  #signersOf(certificate: PieceCertificate): Iterable<KeyObject> {
    if (certificate.kind === "supernode") return this.#keys.values();
    const { nodeKey, endorsement } = certificate;
    const hex = toHex(nodeKey);
    const name = `${hex}:${toHex(endorsement)}`;
    const known = this.#endorsed.get(name);
    if (known) return [known];
    const key = importPublicKey(nodeKey);
    if (!key) return [];
    const message = Buffer.from(endorsementMessage(hex));
    for (const supernode of this.#keys.values()) {
      if (!verify(null, message, supernode, endorsement)) continue;
      remember(this.#endorsed, name, key, TrustedKeys.ENDORSED_MAX);
      return [key];
    }
    return [];
  }
}

function pieceMessage(piece: PieceIdentity, sha256: Uint8Array): string {
  return certificateMessage(piece.taskId, piece.pieceIndex, piece.lengthBytes, toHex(sha256));
}

function importPublicKey(publicKey: Uint8Array): KeyObject | undefined {
  if (publicKey.length !== 32) return undefined;
  try {
    const der = Buffer.concat([SPKI_PREFIX, publicKey]);
    return createPublicKey({ key: der, format: "der", type: "spki" });
  } catch {
    return undefined;
  }
}

function remember<V>(map: Map<string, V>, key: string, value: V, sizeMax: number): void {
  map.set(key, value);
  if (map.size > sizeMax) map.delete(map.keys().next().value!);
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("hex");
}
