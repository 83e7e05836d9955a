import { basicAuthorization } from "../../platform/origin/url-credentials.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import { parseDigest } from "../../protocol/digest.ts";
import { ORIGIN_HEADERS_LENGTH_BYTES_MAX } from "../../protocol/limits.ts";
import { digestTaskId } from "../../protocol/task-id.ts";
import type { TaskRequest } from "../peer/open-task.ts";
import type { DownloadRequest } from "./api-schema.ts";

/** Headers that belong to one connection or to the way a file is cut: the program sets them itself. */
const OWN_HEADERS = new Set([
  "connection",
  "content-length",
  "expect",
  "if-range",
  "keep-alive",
  "proxy-connection",
  "range",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** What a request to the daemon asks of the peer. Throws ProtocolError BAD_REQUEST with one sentence. */
export function taskRequestOf(request: DownloadRequest): TaskRequest {
  const { url, authorization } = originUrlOf(request.url);
  const headers = originHeadersOf(request.headers ?? {});
  if (authorization !== undefined && !headers.has("authorization")) {
    headers.set("authorization", authorization);
  }
  const digest = request.digest === undefined ? undefined : parseDigest(request.digest);
  if (request.digest !== undefined && digest === undefined) {
    throw bad("the digest must be sha256: or sha512: and lower-case hex digits");
  }
  // Anybody may read a task that is known by its digest. What an origin sends for certain headers may be for
  // their sender alone: such a task is known by its URL and headers, and dfget checks the digest.
  const isPublic = headers.size === 0;
  return {
    taskId: digest !== undefined && isPublic ? digestTaskId(digest) : undefined,
    origin: { url, headers },
    identity: { filteredQueryParameters: request.filter ?? [], tag: request.tag ?? "" },
    answerAgeMs: request.answerAgeMs,
    pieceLengthBytes: request.pieceLengthBytes,
    backSource: request.backSource,
    limitBytesPerSecond: request.limitBytesPerSecond,
  };
}

/** The URL without user, password and fragment; the former become a header, as HTTP wants them. */
function originUrlOf(text: string): { url: string; authorization: string | undefined } {
  const url = URL.parse(text);
  if (!url) throw bad("the URL cannot be read; it must look like https://host/path");
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw bad(`${url.protocol}// is not supported; use http or https`);
  }
  const authorization = basicAuthorization(url);
  url.username = "";
  url.password = "";
  url.hash = "";
  return { url: url.href, authorization };
}

function originHeadersOf(headers: Readonly<Record<string, string>>): Map<string, string> {
  const checked = new Map<string, string>();
  let lengthBytes = 0;
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    if (!/^[!#$%&'*+.^_`|~0-9a-z-]{1,128}$/.test(key)) throw bad("a header's name is malformed");
    // The value stays out of the sentence: it may be a secret.
    if (!/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) {
      throw bad(`the value of the header ${key} holds characters that no header may have`);
    }
    if (OWN_HEADERS.has(key)) throw bad(`the header ${key} cannot be chosen`);
    if (checked.has(key)) throw bad(`the header ${key} is given twice`);
    lengthBytes += key.length + value.length;
    checked.set(key, value);
  }
  if (lengthBytes > ORIGIN_HEADERS_LENGTH_BYTES_MAX) {
    throw bad(`the headers are longer than ${ORIGIN_HEADERS_LENGTH_BYTES_MAX} bytes in all`);
  }
  return checked;
}

function bad(message: string): ProtocolError {
  return new ProtocolError("BAD_REQUEST", message);
}
