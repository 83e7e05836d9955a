import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";

import type { Log } from "../../platform/log.ts";
import { giveBack } from "../../platform/own-memory.ts";
import { TurnCork } from "../../platform/turn-cork.ts";
import { BATCH_PATH, BATCH_UPGRADE, BatchFrameReader, batchHeader } from "./batch-frames.ts";
import { readerGone } from "./download-stream.ts";

/** The most requests of one conversation that are being answered; what comes beyond waits in the connection. */
export const BATCH_REQUESTS_MAX = 64;
/** What takes longer is to be asked for alone, where its progress is told. */
const SLOW_MS = 1000;
/** To copy so much takes less than to write the parts of an answer one by one. */
const COPIED_BYTES_MAX = 32 * 1024;

export interface BatchServerDeps {
  readonly log: Log;
  /** Aborts when the daemon takes no more requests. */
  readonly closing: AbortSignal;
  /**
   * Answers one request: with the frames of a download, whose memory is given back when they were sent, or with undefined where it has to be
   * asked for alone. Never rejects.
   */
  answer(request: Uint8Array, signal: AbortSignal): Promise<readonly Uint8Array[] | undefined>;
}

/** The daemon's side of conversations about many small files. */
export class BatchServer {
  readonly #deps: BatchServerDeps;
  readonly #sockets = new Set<Duplex>();

  constructor(deps: BatchServerDeps) {
    this.#deps = deps;
  }

  /** Takes a request to upgrade a connection. */
  upgrade({ url, headers }: IncomingMessage, socket: Duplex, head: Buffer): void {
    socket.on("error", () => undefined);
    // The server waits for its connections when it closes, and cannot close those that were upgraded.
    if (this.#deps.closing.aborted) {
      socket.destroy();
      return;
    }
    this.#sockets.add(socket);
    socket.once("close", () => this.#sockets.delete(socket));
    if (url !== BATCH_PATH || headers.upgrade?.toLowerCase() !== BATCH_UPGRADE) {
      socket.end("HTTP/1.1 404 Not Found\r\nconnection: close\r\ncontent-length: 0\r\n\r\n");
      return;
    }
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: ${BATCH_UPGRADE}\r\n\r\n`,
    );
    converse(socket, head, this.#deps);
  }

  /** Ends every conversation. */
  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}

function converse(socket: Duplex, head: Buffer, deps: BatchServerDeps): void {
  const reader = new BatchFrameReader();
  const gone = new AbortController();
  const signal = AbortSignal.any([gone.signal, deps.closing]);
  const waiting: { readonly number: number; readonly payload: Uint8Array }[] = [];
  const cork = new TurnCork(socket);
  let running = 0;

  const send = (number: number, payload: readonly Uint8Array[]): void => {
    if (socket.destroyed) return;
    cork.hold();
    let lengthBytes = 0;
    for (const part of payload) lengthBytes += part.length;
    const parts = [batchHeader(number, lengthBytes), ...payload];
    if (lengthBytes <= COPIED_BYTES_MAX) socket.write(Buffer.concat(parts));
    else for (const part of parts) socket.write(part, () => giveBack(part));
  };
  const begin = (): void => {
    while (running < BATCH_REQUESTS_MAX && !socket.writableNeedDrain) {
      const next = waiting.shift();
      if (!next) break;
      running += 1;
      void answer(next.number, next.payload);
    }
    if (waiting.length > 0) socket.pause();
    else if (socket.isPaused()) socket.resume();
  };
  const answer = async (number: number, payload: Uint8Array): Promise<void> => {
    let isLate = false;
    const timer = setTimeout(() => {
      // It goes on, so that the origin need not be asked again for whoever asks alone.
      isLate = true;
      end(number, NOTHING);
    }, SLOW_MS);
    const frames = await deps.answer(payload, signal);
    clearTimeout(timer);
    if (!isLate) end(number, frames ?? NOTHING);
  };
  const end = (number: number, payload: readonly Uint8Array[]): void => {
    running -= 1;
    send(number, payload);
    begin();
  };
  const read = (chunk: Uint8Array): void => {
    try {
      for (const frame of reader.push(chunk)) waiting.push(frame);
    } catch (error) {
      deps.log.warn({ err: error }, "a program sent what cannot be read");
      socket.destroy();
      return;
    }
    begin();
  };
  socket.on("drain", begin);
  socket.once("end", () => socket.end());
  socket.once("close", () => gone.abort(readerGone()));
  socket.on("data", read);
  if (head.length > 0) read(head);
}

const NOTHING: readonly Uint8Array[] = [];
