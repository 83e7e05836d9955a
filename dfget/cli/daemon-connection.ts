import { connect } from "node:net";

import { ProtocolError } from "../../protocol/protocol-error.ts";

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

/** An answer, whose body can be read once and ends with the connection. */
export interface SocketAnswer {
  readonly status: number;
  readonly body: AsyncIterable<Uint8Array>;
  /** Breaks off; harmless after the end. */
  dispose(): void;
}

/**
 * Sends one request over a unix socket and waits for the head of the answer. HTTP/1.0, so that a body needs no
 * decoding; `node:http` takes longer to load than all of this takes. Rejects with the error of the socket, with
 * ProtocolError PROTOCOL_GARBAGE for what is no HTTP, or with the signal's reason.
 */
export async function askSocket(
  socketPath: string,
  request: SocketRequest,
  signal: AbortSignal,
): Promise<SocketAnswer> {
  signal.throwIfAborted();
  const socket = connect({ path: socketPath });
  const onAbort = (): void => void socket.destroy(signal.reason as Error);
  signal.addEventListener("abort", onAbort, { once: true });
  socket.once("close", () => signal.removeEventListener("abort", onAbort));
  // Whoever reads hears of it; whoever has gone must not be ended by it.
  socket.on("error", () => undefined);
  const payload =
    request.body === undefined ? undefined : Buffer.from(JSON.stringify(request.body));
  const lengthBytes = request.content?.lengthBytes ?? payload?.length ?? 0;
  const type = payload === undefined ? "" : "content-type: application/json\r\n";
  const head = `${request.method} ${request.path} HTTP/1.0\r\nhost: dfget\r\n${type}content-length: ${lengthBytes}\r\n\r\n`;
  socket.write(payload === undefined ? head : Buffer.concat([Buffer.from(head), payload]));
  const sending = request.content === undefined ? undefined : send(socket, request.content.chunks);
  // An answer that comes early says more than the failure to write on.
  sending?.catch(() => undefined);
  const chunks = socket[Symbol.asyncIterator]() as AsyncIterator<Uint8Array>;
  try {
    const { status, rest } = await readHead(chunks);
    return { status, body: bodyOf(chunks, rest), dispose: () => void socket.destroy() };
  } catch (error) {
    socket.destroy();
    signal.throwIfAborted();
    throw error;
  }
}

async function send(
  socket: ReturnType<typeof connect>,
  chunks: AsyncIterable<Uint8Array>,
): Promise<void> {
  for await (const chunk of chunks) {
    await new Promise<void>((resolve, reject) => {
      socket.write(chunk, (error) => (error ? reject(error) : resolve()));
    });
  }
}

async function readHead(
  chunks: AsyncIterator<Uint8Array>,
): Promise<{ status: number; rest: Uint8Array }> {
  let head = Buffer.alloc(0);
  while (head.length < HEAD_BYTES_MAX) {
    const next = await chunks.next();
    if (next.done === true) break;
    head = Buffer.concat([head, next.value]);
    const end = head.indexOf("\r\n\r\n");
    if (end < 0) continue;
    const status = /^HTTP\/1\.[01] (\d{3})/.exec(head.toString("latin1", 0, end))?.[1];
    if (status === undefined) break;
    return { status: Number(status), rest: head.subarray(end + 4) };
  }
  if (head.length === 0) {
    throw Object.assign(new Error("the connection was closed"), { code: "ECONNRESET" });
  }
  throw new ProtocolError("PROTOCOL_GARBAGE", "the answer is no HTTP");
}

async function* bodyOf(
  chunks: AsyncIterator<Uint8Array>,
  rest: Uint8Array,
): AsyncGenerator<Uint8Array> {
  try {
    if (rest.length > 0) yield rest;
    for (;;) {
      const next = await chunks.next();
      if (next.done === true) return;
      yield next.value;
    }
  } finally {
    await chunks.return?.();
  }
}
