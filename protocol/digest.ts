declare const digestBrand: unique symbol;

/** A content digest as OCI writes it, `sha256:<64 hex>` or `sha512:<128 hex>`, lower case. */
export type Digest = string & { readonly [digestBrand]: true };

/** The algorithms that content can be named by. */
export type DigestAlgorithm = "sha256" | "sha512";

const HEX_LENGTH: Record<DigestAlgorithm, number> = { sha256: 64, sha512: 128 };

/**
 * Reads a digest. Returns undefined for anything but a lower-case hex digest of a known algorithm,
 * as the OCI image specification ("Digests") asks of the registered algorithms.
 */
export function parseDigest(text: string): Digest | undefined {
  const colon = text.indexOf(":");
  const algorithm = text.slice(0, Math.max(colon, 0));
  if (algorithm !== "sha256" && algorithm !== "sha512") return undefined;
  const hex = text.slice(colon + 1);
  if (hex.length !== HEX_LENGTH[algorithm] || !/^[0-9a-f]+$/.test(hex)) return undefined;
  return text as Digest;
}

/** The algorithm that a digest names. */
export function digestAlgorithm(digest: Digest): DigestAlgorithm {
  return digest.startsWith("sha256:") ? "sha256" : "sha512";
}
