/** What the receiver of an error may try next. */
export type Retry =
  /** The same request again, after a while. */
  | "same"
  /** The origin, without the swarm. */
  | "origin"
  /** Nothing: it will fail again. */
  | "no";

interface ErrorDescription {
  /** The HTTP status by which a REST or piece request is answered. */
  readonly status: number;
  readonly retry: Retry;
  /** What the code means, for docs/reference/errors.md. */
  readonly meaning: string;
}

/** Every error code of the project. Codes are part of the API; messages are not. */
export const ERRORS = {
  BAD_REQUEST: {
    status: 400,
    retry: "no",
    meaning: "The request does not have the form that its route expects.",
  },
  PROTOCOL_VERSION: {
    status: 426,
    retry: "no",
    meaning:
      "The two programs speak different versions of the protocol; install the same release on both.",
  },
  PROTOCOL_GARBAGE: { status: 400, retry: "no", meaning: "A frame could not be read." },
  NOT_FOUND: {
    status: 404,
    retry: "no",
    meaning: "There is no such route, task, piece or peer here.",
  },
  NO_SLOT: { status: 503, retry: "same", meaning: "All upload slots are taken." },
  LIMIT_EXCEEDED: { status: 429, retry: "same", meaning: "A documented limit is reached." },
  ORIGIN_FORBIDDEN: {
    status: 403,
    retry: "no",
    meaning:
      "The address of the origin is loopback, link-local, a cloud's metadata service or otherwise special; see --allow-origin.",
  },
  ORIGIN_UNREACHABLE: {
    status: 502,
    retry: "origin",
    meaning: "No connection to the origin could be made.",
  },
  ORIGIN_UNAUTHORIZED: {
    status: 401,
    retry: "no",
    meaning: "The origin asks for credentials or refuses those given.",
  },
  ORIGIN_DENIED: { status: 403, retry: "no", meaning: "The origin refuses the request." },
  NOT_ADMITTED: {
    status: 403,
    retry: "origin",
    meaning:
      "The content is private, and the node showed no admission to it: no supernode saw its origin give it to one of the node's callers.",
  },
  ORIGIN_NOT_FOUND: { status: 404, retry: "no", meaning: "The origin has no such content." },
  ORIGIN_FAILED: {
    status: 502,
    retry: "origin",
    meaning: "The origin answered with errors or broke off repeatedly.",
  },
  ORIGIN_CHANGED: {
    status: 502,
    retry: "same",
    meaning: "The content changed at the origin while it was read.",
  },
  DIGEST_MISMATCH: {
    status: 502,
    retry: "no",
    meaning: "The origin's bytes do not match the digest.",
  },
  TASK_TOO_LARGE: {
    status: 413,
    retry: "origin",
    meaning: "The content is larger than a task may be.",
  },
  STORAGE_FULL: {
    status: 507,
    retry: "origin",
    meaning: "There is no room on the disk for the pieces.",
  },
  SUPERNODE_UNAVAILABLE: { status: 503, retry: "origin", meaning: "No supernode can be reached." },
  SHUTTING_DOWN: { status: 503, retry: "same", meaning: "The process is about to stop." },
  INTERNAL: {
    status: 500,
    retry: "origin",
    meaning: "A defect; the log of the process says more.",
  },
} as const satisfies Record<string, ErrorDescription>;

export type ErrorCode = keyof typeof ERRORS;

/** Whether a word from the network is one of our codes. */
export function isErrorCode(text: string): text is ErrorCode {
  return Object.hasOwn(ERRORS, text);
}
