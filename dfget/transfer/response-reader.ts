/** The status and the headers of an HTTP response. Names are in lower case, values trimmed. */
export interface ResponseHead {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  /** Length of the body that follows. */
  readonly contentLengthBytes: number;
  /** Whether the sender leaves the connection open after the body. */
  readonly isKeptAlive: boolean;
}

/** What a reader hands out, in this order; body any number of times, never empty. */
export interface ResponseSink {
  head(head: ResponseHead): void;
  /** A view that is valid only during the call. */
  body(bytes: Uint8Array): void;
  end(): void;
}

/** The bytes are no response that a piece server sends. The connection is of no more use. */
export class ResponseError extends Error {
  override readonly name = "ResponseError";
}

/** The longest head, and the most headers in it. */
export const HEAD_LENGTH_BYTES_MAX = 16 * 1024;
export const HEADERS_MAX = 64;

const CR = 13;
const LF = 10;

/**
 * Reads one HTTP/1.1 response after the other from a byte stream, cut anywhere.
 *
 * It is strict: a final status with a body of a stated length, CRLF line ends, no transfer coding, no
 * header given twice where that could mean two things. Everything else is a {@link ResponseError}, and
 * after one the reader takes no more bytes. It holds at most one head.
 */
export class ResponseReader {
  readonly #head = new Uint8Array(HEAD_LENGTH_BYTES_MAX);
  #headLengthBytes = 0;
  #bodyLeftBytes = 0;
  #isInBody = false;
  #isBroken = false;

  /** True between two responses. */
  get isIdle(): boolean {
    return !this.#isInBody && this.#headLengthBytes === 0;
  }

  /** Takes the next bytes of the stream. Throws ResponseError. */
  push(bytes: Uint8Array, sink: ResponseSink): void {
    if (this.#isBroken) throw new ResponseError("The response was broken before.");
    try {
      for (let rest = bytes; rest.length > 0;) {
        rest = this.#isInBody ? this.#readBody(rest, sink) : this.#readHead(rest, sink);
      }
    } catch (error) {
      this.#isBroken = true;
      throw error;
    }
  }

  /** Takes what belongs to the body and returns the rest. */
  #readBody(bytes: Uint8Array, sink: ResponseSink): Uint8Array {
    const taken = bytes.subarray(0, this.#bodyLeftBytes);
    this.#bodyLeftBytes -= taken.length;
    sink.body(taken);
    this.#endWhenRead(sink);
    return bytes.subarray(taken.length);
  }

  /** Takes what belongs to the head and returns the rest. */
  #readHead(bytes: Uint8Array, sink: ResponseSink): Uint8Array {
    for (let index = 0; index < bytes.length; index++) {
      if (this.#headLengthBytes === HEAD_LENGTH_BYTES_MAX) {
        throw new ResponseError(
          `The response's head is longer than ${HEAD_LENGTH_BYTES_MAX} bytes.`,
        );
      }
      this.#head[this.#headLengthBytes++] = bytes[index]!;
      if (bytes[index] === LF && this.#isHeadEnd()) {
        const text = latin1(this.#head.subarray(0, this.#headLengthBytes - 4));
        this.#headLengthBytes = 0;
        const head = parseHead(text);
        this.#isInBody = true;
        this.#bodyLeftBytes = head.contentLengthBytes;
        sink.head(head);
        this.#endWhenRead(sink);
        return bytes.subarray(index + 1);
      }
    }
    return bytes.subarray(bytes.length);
  }

  #isHeadEnd(): boolean {
    const end = this.#headLengthBytes;
    const head = this.#head;
    return end >= 4 && head[end - 2] === CR && head[end - 3] === LF && head[end - 4] === CR;
  }

  #endWhenRead(sink: ResponseSink): void {
    if (this.#bodyLeftBytes > 0) return;
    this.#isInBody = false;
    sink.end();
  }
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
}

function parseHead(text: string): ResponseHead {
  const [statusLine = "", ...lines] = text.split("\r\n");
  const match = /^HTTP\/1\.1 ([2-5][0-9]{2})(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(statusLine);
  if (match === null) throw new ResponseError("The response has no HTTP/1.1 status line.");
  const status = Number(match[1]);
  if (status === 204 || status === 304) {
    throw new ResponseError(`The response has status ${status}, which nobody asked for.`);
  }
  if (lines.length > HEADERS_MAX) {
    throw new ResponseError(`The response has more than ${HEADERS_MAX} headers.`);
  }
  const headers = new Map<string, string>();
  for (const line of lines) addHeader(headers, line);
  if (headers.has("transfer-encoding")) {
    throw new ResponseError("The response has a transfer coding.");
  }
  const length = headers.get("content-length") ?? "";
  if (!/^[0-9]{1,15}$/.test(length)) {
    throw new ResponseError("The response does not state its length.");
  }
  const isKeptAlive = !/(?:^|,)\s*close\s*(?:,|$)/i.test(headers.get("connection") ?? "");
  return { status, headers, contentLengthBytes: Number(length), isKeptAlive };
}

function addHeader(headers: Map<string, string>, line: string): void {
  const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+):[\t ]*([\t\x20-\x7e\x80-\xff]*)$/.exec(line);
  if (match === null) throw new ResponseError("The response has a malformed header.");
  const name = match[1]!.toLowerCase();
  const value = match[2]!.trimEnd();
  const before = headers.get(name);
  if (before !== undefined && name === "content-length") {
    throw new ResponseError("The response states its length twice.");
  }
  headers.set(name, before === undefined ? value : `${before}, ${value}`);
}
