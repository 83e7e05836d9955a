import type { Log } from "../../platform/log.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";

/** What others are told of an error: itself, or where it is a defect, that there is one, and the log says which. */
export function shownError(error: unknown, log: Log): ProtocolError {
  if (error instanceof ProtocolError) return error;
  log.error({ err: error }, "a task failed by a defect");
  return new ProtocolError("INTERNAL", "the supernode failed; its log says more");
}
