import { createCipheriv, createDecipheriv, randomBytes } from "node:crypto";

import type { Calendar } from "../../platform/calendar.ts";

/** What a token of ours stands for. */
export interface SealedLogin {
  /** The base URL of the one registry that the token is good for. */
  readonly registry: string;
  /** The caller's Basic header; undefined for an anonymous caller. */
  readonly basic: string | undefined;
}

const PREFIX = "darter.";
const IV_LENGTH_BYTES = 12;
const TAG_LENGTH_BYTES = 16;
const TOKEN_LENGTH_MAX = 16 * 1024;

/**
 * Tokens that clients get from us and bring back. A token is the caller's login itself, encrypted under a key that lives as
 * long as the process (AES-256-GCM): nothing has to be remembered, and it opens nothing anywhere else.
 */
export class TokenSeal {
  readonly #key = randomBytes(32);
  readonly #calendar: Calendar;

  constructor(calendar: Calendar) {
    this.#calendar = calendar;
  }

  /** A token that is good for `lifeMs`. */
  seal(login: SealedLogin, lifeMs: number): string {
    const content = JSON.stringify({ ...login, untilMs: this.#calendar() + lifeMs });
    const iv = randomBytes(IV_LENGTH_BYTES);
    const cipher = createCipheriv("aes-256-gcm", this.#key, iv);
    const text = Buffer.concat([cipher.update(content, "utf8"), cipher.final()]);
    return PREFIX + Buffer.concat([iv, cipher.getAuthTag(), text]).toString("base64url");
  }

  /** Whether a token has the form of ours. */
  isOurs(token: string): boolean {
    return token.startsWith(PREFIX);
  }

  /** What a token stands for; undefined when it is over, changed, or of an earlier process. */
  open(token: string): SealedLogin | undefined {
    if (!this.isOurs(token) || token.length > TOKEN_LENGTH_MAX) return undefined;
    const bytes = Buffer.from(token.slice(PREFIX.length), "base64url");
    if (bytes.length < IV_LENGTH_BYTES + TAG_LENGTH_BYTES) return undefined;
    try {
      const iv = bytes.subarray(0, IV_LENGTH_BYTES);
      const decipher = createDecipheriv("aes-256-gcm", this.#key, iv, {
        authTagLength: TAG_LENGTH_BYTES,
      });
      decipher.setAuthTag(bytes.subarray(IV_LENGTH_BYTES, IV_LENGTH_BYTES + TAG_LENGTH_BYTES));
      const text = decipher.update(bytes.subarray(IV_LENGTH_BYTES + TAG_LENGTH_BYTES));
      const content = Buffer.concat([text, decipher.final()]).toString();
      const { registry, basic, untilMs } = JSON.parse(content) as SealedLogin & { untilMs: number };
      return untilMs > this.#calendar() ? { registry, basic } : undefined;
    } catch {
      return undefined;
    }
  }
}
