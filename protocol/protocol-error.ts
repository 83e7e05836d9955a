import type { ErrorCode } from "./error-table.ts";
import { ERRORS } from "./error-table.ts";

/** What is known about an error besides its code and its sentence. */
export interface ErrorDetails {
  /** The status that the origin answered with. */
  readonly originStatus?: number | undefined;
  /** The origin's WWW-Authenticate header. */
  readonly challenge?: string | undefined;
  readonly retryAfterMs?: number | undefined;
}

/** An error that crosses a process boundary: its code says what can be done, its message tells a person. */
export class ProtocolError extends Error {
  override readonly name = "ProtocolError";
  readonly code: ErrorCode;
  readonly details: ErrorDetails;

  /** `message` is one sentence for the user; it must hold no secret. */
  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.code = code;
    this.details = details;
  }

  /** The HTTP status for this error. */
  get status(): number {
    return ERRORS[this.code].status;
  }
}
