import { createHash, hash } from "node:crypto";

import type { Digest } from "../protocol/digest.ts";
import { digestAlgorithm } from "../protocol/digest.ts";
import type { TaskId, UrlTaskIdentity } from "../protocol/task-id.ts";
import { urlTaskKey } from "../protocol/task-id.ts";

/** The 32 bytes of the sha256 of bytes or a text. */
export function sha256(content: Uint8Array | string): Uint8Array {
  return new Uint8Array(hash("sha256", content, "buffer"));
}

/** The sha256 digest of bytes, as OCI writes it. */
export function sha256Digest(content: Uint8Array): Digest {
  return `sha256:${hash("sha256", content, "hex")}` as Digest;
}

/** The task id of one version of a file at a URL. */
export function urlTaskId(identity: UrlTaskIdentity): TaskId {
  return `url:${hash("sha256", urlTaskKey(identity), "hex")}` as TaskId;
}

/** Computes a digest of the same algorithm as another, over bytes that arrive in order. */
export class DigestCheck {
  readonly #expected: Digest;
  readonly #hash;

  constructor(expected: Digest) {
    this.#expected = expected;
    this.#hash = createHash(digestAlgorithm(expected));
  }

  update(bytes: Uint8Array): void {
    this.#hash.update(bytes);
  }

  /** The digest of all bytes so far; nothing can be added after it. */
  finish(): { actual: Digest; matches: boolean } {
    const actual = `${digestAlgorithm(this.#expected)}:${this.#hash.digest("hex")}` as Digest;
    return { actual, matches: actual === this.#expected };
  }
}
