import type { OutgoingHttpHeaders } from "node:http";

import { ProtocolError } from "../protocol/protocol-error.ts";

/** The codes of the OCI distribution specification that we answer with. */
export type RegistryCode =
  | "BLOB_UNKNOWN"
  | "DENIED"
  | "DIGEST_INVALID"
  | "MANIFEST_INVALID"
  | "MANIFEST_UNKNOWN"
  | "NAME_INVALID"
  | "NAME_UNKNOWN"
  | "SIZE_INVALID"
  | "TAG_INVALID"
  | "UNAUTHORIZED"
  | "UNSUPPORTED"
  /** Not in the specification, but what registries answer when they cannot serve. */
  | "UNAVAILABLE";

/** What a request is about, which decides the code for content that does not exist. */
export type Subject = "manifest" | "blob" | "repository";

const UNKNOWN: Readonly<Record<Subject, RegistryCode>> = {
  manifest: "MANIFEST_UNKNOWN",
  blob: "BLOB_UNKNOWN",
  repository: "NAME_UNKNOWN",
};

const CHALLENGE_LENGTH_MAX = 4096;

/** A request that is answered with an error in the form of the OCI distribution specification. */
export class RegistryError extends Error {
  override readonly name = "RegistryError";
  readonly status: number;
  readonly code: RegistryCode;
  readonly headers: OutgoingHttpHeaders;

  /** `message` is one sentence for the user; it must hold no secret. */
  constructor(
    status: number,
    code: RegistryCode,
    message: string,
    headers: OutgoingHttpHeaders = {},
    cause?: unknown,
  ) {
    super(message, cause === undefined ? undefined : { cause });
    this.status = status;
    this.code = code;
    this.headers = headers;
  }

  /** The body of the answer. */
  toBody(): string {
    const error = { code: this.code, message: this.message, detail: {} };
    return JSON.stringify({ errors: [error] });
  }
}

/** The answer to a request that failed for whatever reason. */
export function registryErrorOf(error: unknown, subject: Subject): RegistryError {
  if (error instanceof RegistryError) return error;
  if (!(error instanceof ProtocolError)) {
    const message = "the mirror failed by a defect of its own; its log says more";
    return new RegistryError(500, "UNAVAILABLE", message, {}, error);
  }
  const { code, message, details } = error;
  const answer = (status: number, registryCode: RegistryCode, headers: OutgoingHttpHeaders = {}) =>
    new RegistryError(status, registryCode, message, headers, error);
  switch (code) {
    case "ORIGIN_UNAUTHORIZED": {
      const { challenge } = details;
      const headers = isHeaderText(challenge) ? { "www-authenticate": challenge } : {};
      return answer(401, "UNAUTHORIZED", headers);
    }
    case "ORIGIN_FORBIDDEN":
    case "ORIGIN_DENIED":
      return answer(403, "DENIED");
    case "ORIGIN_NOT_FOUND":
      return answer(404, UNKNOWN[subject]);
    case "DIGEST_MISMATCH":
      return answer(502, "DIGEST_INVALID");
    case "TASK_TOO_LARGE":
      return answer(502, "SIZE_INVALID");
    case "BAD_REQUEST":
      return answer(400, "UNSUPPORTED");
    case "SHUTTING_DOWN":
      return answer(503, "UNAVAILABLE", { connection: "close" });
    default:
      // Never 429: container runtimes answer that by long pauses.
      return answer(502, "UNAVAILABLE");
  }
}

/** The challenge may have come to us from another process. */
function isHeaderText(text: string | undefined): text is string {
  return text !== undefined && text.length <= CHALLENGE_LENGTH_MAX && /^[\x20-\x7e]+$/.test(text);
}
