import { parseAdmission } from "../../protocol/admission.ts";

/** A node's admission to a private task, as long as a session of the task lasts. */
export class SessionAdmission {
  #bytes: Uint8Array;
  #header: string;
  #isRenewalAsked = false;

  /** The bytes are the supernode's; they are copied. */
  constructor(bytes: Uint8Array) {
    this.#bytes = Uint8Array.from(bytes);
    this.#header = Buffer.from(this.#bytes).toString("base64url");
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  /** As a request for a piece carries it. */
  get header(): string {
    return this.#header;
  }

  /** A later one came. */
  replace(bytes: Uint8Array): void {
    this.#bytes = Uint8Array.from(bytes);
    this.#header = Buffer.from(this.#bytes).toString("base64url");
    this.#isRenewalAsked = false;
  }

  /** Whether the next caller had better be admitted anew. */
  isOld(nowEpochMs: number): boolean {
    const admission = parseAdmission(this.#bytes);
    return admission !== undefined && nowEpochMs - admission.grantedAtMs > OLD_MS;
  }

  /** Whether it is time to ask for a later one: true once, in the second half of its life. */
  takeRenewal(nowEpochMs: number): boolean {
    const admission = parseAdmission(this.#bytes);
    if (!admission || this.#isRenewalAsked) return false;
    const leftMs = admission.untilMs - nowEpochMs;
    if (leftMs > RENEWAL_MS) return false;
    this.#isRenewalAsked = true;
    return true;
  }
}

/**
 * After this a caller's right is asked for again. An admission is renewed for an hour, which is enough for a transfer, but
 * parts of a content may be read for days.
 */
const OLD_MS = 30 * 60_000;
/** How long before its end a later admission is asked for. */
const RENEWAL_MS = 5 * 60_000;
