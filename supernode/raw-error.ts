import type { ServerResponse } from "node:http";

import type { ErrorCode } from "../protocol/error-table.ts";
import { ERRORS } from "../protocol/error-table.ts";

/** Answers with an error, in the form of every other one, where there is no reply of a route to send it by. */
export function sendRawError(response: ServerResponse, code: ErrorCode, message: string): void {
  const body = JSON.stringify({ code, message });
  response.writeHead(ERRORS[code].status, {
    "content-type": "application/json; charset=utf-8",
    "content-length": Buffer.byteLength(body),
  });
  response.end(body);
}
