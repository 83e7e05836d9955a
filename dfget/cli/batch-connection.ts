import type { Socket } from "node:net";
import { connect } from "node:net";

import { abortable } from "../../platform/abortable.ts";
import { LongFrames } from "../../platform/long-frames.ts";
import { TurnCork } from "../../platform/turn-cork.ts";
import type { DownloadRequest } from "../daemon/api-schema.ts";
import type { BatchFrame } from "../daemon/batch-frames.ts";
import {
  BATCH_FRAME_BYTES_MAX,
  BATCH_PATH,
  BATCH_UPGRADE,
  BatchFrameReader,
  batchFrameBytes,
  batchHeader,
} from "../daemon/batch-frames.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import { readWholeAnswer } from "../daemon/download-frames.ts";

const HEAD_BYTES_MAX = 4096;
/** When no answer has come for this long to anything that was asked, all is asked for alone. */
const SILENCE_MS = 4000;

type Answer = readonly DownloadPart[] | undefined;

/**
 * The connection over which small files are asked for, made when the first one is and again when it has broken off. Whatever goes wrong
 * with it only means that files are asked for alone.
 */
export class BatchConnection {
  readonly #socketPath: string;
  readonly #checkOwner: () => void;
  /** The requests without an answer, by their numbers; at most as many as there are files at once. */
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  #socket: Promise<Socket | undefined> | undefined;
  #isRefused = false;
  #cork: TurnCork | undefined;
  #nextNumber = 0;

  /** `checkOwner` throws where the socket is somebody else's. */
  constructor(socketPath: string, checkOwner: () => void) {
    this.#socketPath = socketPath;
    this.#checkOwner = checkOwner;
  }

  /** Resolves to the parts of a download, or to undefined where the file has to be asked for alone. Rejects with the signal's reason. */
  async ask(request: DownloadRequest, signal: AbortSignal): Promise<Answer> {
    if (this.#isRefused) return undefined;
    this.#socket ??= this.#open();
    const socket = await abortable(this.#socket, signal);
    if (!socket || socket.destroyed) return undefined;
    const number = this.#nextNumber++;
    const { promise, resolve } = Promise.withResolvers<Answer>();
    this.#waiting.set(number, resolve);
    socket.ref();
    const payload = Buffer.from(JSON.stringify(request));
    this.#cork?.hold();
    socket.write(Buffer.concat([batchHeader(number, payload.length), payload]));
    return await abortable(promise, signal);
  }

  #open(): Promise<Socket | undefined> {
    this.#checkOwner();
    const { promise, resolve } = Promise.withResolvers<Socket | undefined>();
    const long = new LongFrames(
      batchFrameBytes,
      BATCH_FRAME_BYTES_MAX,
      (chunk) => !socket.destroyed && socket.push(chunk),
    );
    const socket: Socket = connect({ path: this.#socketPath, onread: long.onread });
    this.#cork = new TurnCork(socket);
    const frames = new BatchFrameReader();
    let head: Buffer | undefined = Buffer.alloc(0);
    socket.on("data", (chunk: Buffer) => {
      try {
        let bytes: Uint8Array = chunk;
        if (head) {
          head = Buffer.concat([head, chunk]);
          const end = head.indexOf("\r\n\r\n");
          if (end < 0 && head.length < HEAD_BYTES_MAX) return;
          this.#isRefused = !head.toString("latin1", 0, 16).startsWith("HTTP/1.1 101 ");
          if (this.#isRefused) throw new Error("the daemon knows nothing of batches");
          bytes = head.subarray(end + 4);
          head = undefined;
          resolve(socket);
        }
        for (const frame of frames.push(bytes)) this.#answered(socket, frame);
      } catch {
        socket.destroy();
      }
    });
    socket.on("error", () => undefined);
    socket.on("timeout", () => socket.destroy());
    socket.once("close", () => {
      this.#socket = undefined;
      for (const answer of this.#waiting.values()) answer(undefined);
      this.#waiting.clear();
      resolve(undefined);
    });
    socket.setTimeout(SILENCE_MS);
    socket.write(
      `GET ${BATCH_PATH} HTTP/1.1\r\nhost: dfget\r\nconnection: upgrade\r\nupgrade: ${BATCH_UPGRADE}\r\n\r\n`,
    );
    return promise;
  }

  #answered(socket: Socket, { number, payload }: BatchFrame): void {
    const parts = payload.length === 0 ? undefined : readWholeAnswer(payload);
    const answer = this.#waiting.get(number);
    this.#waiting.delete(number);
    // An idle connection does not keep the program from ending.
    if (this.#waiting.size === 0) socket.unref();
    answer?.(parts);
  }
}
