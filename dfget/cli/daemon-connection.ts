import type { Socket } from "node:net";

import { ProtocolError } from "../../protocol/protocol-error.ts";
import { chunkedBody } from "./chunked-body.ts";
import type { IdleLines } from "./idle-lines.ts";
import { openLine } from "./idle-lines.ts";

const HEAD_BYTES_MAX = 16 * 1024;

/** What is asked of a server behind a unix socket. */
export interface SocketRequest {
  readonly method: "GET" | "POST" | "PUT" | "DELETE";
  readonly path: string;
  /** Sent as JSON. */
  readonly body?: unknown;
  /** Sent as it is, instead; its length must be told. */
  readonly content?: { readonly lengthBytes: number; readonly chunks: AsyncIterable<Uint8Array> };
}

/** What is done when nothing has been sent or received for so long; again after as long. */
export interface Silence {
  readonly afterMs: number;
  /** May break the connection off for a reason, with which the request then fails. */
  readonly onSilence: (breakOff: (reason: Error) => void) => void;
}

/** An answer, whose body can be read once. */
export interface SocketAnswer {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
  /** Breaks off; harmless after the end. */
  dispose(): void;
}

/**
 * Sends one request over a unix socket and waits for the head of the answer. HTTP/1.0, so that a body needs no
 * decoding and ends with the connection; with `idle`, HTTP/1.1 over a connection of those, which comes back to them when the answer was read to
 * its end. `node:http` takes longer to load than all of this takes. Rejects with the error of the socket, with
 * ProtocolError PROTOCOL_GARBAGE for what is no HTTP, or with the signal's reason.
 */
export async function askSocket(
  socketPath: string,
  request: SocketRequest,
  signal: AbortSignal,
  silence?: Silence,
  idle?: IdleLines,
): Promise<SocketAnswer> {
  signal.throwIfAborted();
  const known = idle?.take();
  const line = known ?? openLine(socketPath);
  const { socket, chunks } = line;
  const watch = watched(socket, signal, silence);
  const payload =
    request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const lengthBytes = request.content?.lengthBytes ?? payload?.length ?? 0;
  const type = payload === undefined ? "" : "content-type: application/json\r\n";
  const head = `${request.method} ${request.path} HTTP/1.${idle ? 1 : 0}\r\nhost: dfget\r\n${type}content-length: ${lengthBytes}\r\n\r\n`;
  socket.write(payload === undefined ? head : Buffer.concat([Buffer.from(head), payload]));
  const sending = request.content === undefined ? undefined : send(socket, request.content.chunks);
  // An answer that comes early says more than the failure to write on.
  sending?.catch(() => undefined);
  try {
    const { status, isChunked, bodyBytes, rest } = await readHead(chunks);
    const ended = (isWhole: boolean): void => {
      watch[Symbol.dispose]();
      if (isWhole) idle?.give(line);
      else socket.destroy();
    };
    const body = isChunked ? chunkedBody(chunks, rest, ended) : bodyOf(chunks, rest, bodyBytes);
    return { status, body, dispose: () => void socket.destroy() };
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    // The daemon may have closed it at the moment when it was taken.
    if (known && isGone(error)) return await askSocket(socketPath, request, signal, silence, idle);
    throw error;
  }
}

/** Ends a connection at a signal and tells when nothing happens on it, until it is closed or what is returned is disposed. */
function watched(socket: Socket, signal: AbortSignal, silence: Silence | undefined): Disposable {
  const onAbort = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  let isOver = false;
  const breakOff = (reason: Error): void => {
    // What answers late must not end the next request.
    if (!isOver) socket.destroy(reason);
  };
  const onTimeout = (): void => {
    silence?.onSilence(breakOff);
    if (silence) socket.setTimeout(silence.afterMs);
  };
  if (silence) socket.on("timeout", onTimeout).setTimeout(silence.afterMs);
  const end = (): void => {
    isOver = true;
    signal.removeEventListener("abort", onAbort);
    socket.off("timeout", onTimeout).off("close", end).setTimeout(0);
  };
  socket.once("close", end);
  return { [Symbol.dispose]: end };
}

function isGone(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === "ECONNRESET" || code === "EPIPE";
}

async function send(socket: Socket, chunks: AsyncIterable<Uint8Array>): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      socket.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
}

interface AnswerHead {
  readonly status: number;
  readonly isChunked: boolean;
  /** Infinity where only the end of the connection tells it. */
  readonly bodyBytes: number;
  /** What came with the head. */
  readonly rest: Uint8Array;
}

async function readHead(chunks: AsyncIterator<Uint8Array>): Promise<AnswerHead> {
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES_MAX) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const text = head.toString("latin1", 0, end);
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(text)?.[1];
    if (status === undefined) break;
    const isChunked = /\r\ntransfer-encoding: *chunked/i.test(text);
    const bodyBytes = Number(/\r\ncontent-length: *(\d{1,15})/i.exec(text)?.[1] ?? Infinity);
    return { status: Number(status), isChunked, bodyBytes, rest: head.subarray(end + 4) };
  }
  if (head.length === 0) {
    throw Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" });
  }
  throw new ProtocolError("PROTOCOL_GARBAGE", "the answer is no HTTP");
}

/** A body that ends after so many bytes, or with the connection, which is closed then. */
async function* bodyOf(
  chunks: AsyncIterator<Uint8Array>,
  rest: Uint8Array,
  bodyBytes: number,
): AsyncGenerator<Uint8Array> {
  try {
    let leftBytes = bodyBytes - rest.length;
    if (rest.length > 0) yield rest;
    while (leftBytes > 0) {
      const next = await chunks.next();
      if (next.done === true) return;
      leftBytes -= next.value.length;
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}
