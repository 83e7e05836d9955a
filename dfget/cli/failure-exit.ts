import type { ExitCode } from "../../platform/user-error.ts";
import { EXIT } from "../../platform/user-error.ts";
import type { ErrorCode } from "../../protocol/error-table.ts";
import { isErrorCode } from "../../protocol/error-table.ts";

const EXIT_OF_CODE: Record<ErrorCode, ExitCode> = {
  BAD_REQUEST: EXIT.usage,
  PROTOCOL_VERSION: EXIT.daemonUnavailable,
  PROTOCOL_GARBAGE: EXIT.daemonUnavailable,
  NOT_FOUND: EXIT.daemonUnavailable,
  NO_SLOT: EXIT.unreachable,
  LIMIT_EXCEEDED: EXIT.daemonUnavailable,
  ORIGIN_FORBIDDEN: EXIT.denied,
  ORIGIN_UNREACHABLE: EXIT.unreachable,
  ORIGIN_UNAUTHORIZED: EXIT.denied,
  ORIGIN_DENIED: EXIT.denied,
  NOT_ADMITTED: EXIT.denied,
  ORIGIN_NOT_FOUND: EXIT.notFound,
  ORIGIN_FAILED: EXIT.originFailed,
  ORIGIN_CHANGED: EXIT.originFailed,
  DIGEST_MISMATCH: EXIT.digestMismatch,
  TASK_TOO_LARGE: EXIT.originFailed,
  STORAGE_FULL: EXIT.localFile,
  SUPERNODE_UNAVAILABLE: EXIT.unreachable,
  SHUTTING_DOWN: EXIT.daemonUnavailable,
  INTERNAL: EXIT.internal,
};

/** The exit code of dfget for an error code of the daemon, also one of a later release. */
export function exitOfCode(code: string): ExitCode {
  return isErrorCode(code) ? EXIT_OF_CODE[code] : EXIT.internal;
}
