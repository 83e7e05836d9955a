import type { Hash } from "node:crypto";

const HEX_LENGTH = { sha256: 64, sha512: 128, md5: 32 } as const;

/** What the user says that the content must have. */
export interface Checksum {
  readonly algorithm: keyof typeof HEX_LENGTH;
  /** Lower case. */
  readonly hex: string;
}

/** Reads "sha256:…", "sha512:…" or "md5:…", in either case. Returns undefined when it is none. */
export function parseChecksum(text: string): Checksum | undefined {
  const match = /^(sha256|sha512|md5):([0-9a-f]+)$/.exec(text.trim().toLowerCase());
  if (!match) return undefined;
  const algorithm = match[1] as Checksum["algorithm"];
  return match[2]!.length === HEX_LENGTH[algorithm] ? { algorithm, hex: match[2]! } : undefined;
}

/** The text that {@link parseChecksum} reads. */
export function formatChecksum({ algorithm, hex }: Checksum): string {
  return `${algorithm}:${hex}`;
}

/** Computes the checksum of bytes that arrive in order, and compares. */
export class ChecksumCheck {
  readonly #expected: Checksum;
  readonly #hash: Hash;

  constructor(expected: Checksum) {
    this.#expected = expected;
    // Loaded only where something is hashed: it takes longer than anything else of a small download.
    this.#hash = process.getBuiltinModule("node:crypto").createHash(expected.algorithm);
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The checksum of all bytes so far; nothing can be added after it. */
  finish(): { readonly actual: string; readonly matches: boolean } {
    const hex = this.#hash.digest("hex");
    const { algorithm } = this.#expected;
    return { actual: `${algorithm}:${hex}`, matches: hex === this.#expected.hex };
  }
}
