import { createHash } from "node:crypto";
import { connect } from "node:net";
import { crc32 } from "node:zlib";

import type { DownloadRequest } from "../../dfget/daemon/api-schema.ts";
import type { FleetNode } from "../../test/harness/fleet.ts";
import { DownloadAnswer } from "./download-answer.ts";
import type { DownloadClient, DownloadOrder } from "./download-client.ts";
import type { OriginFile } from "./origin-files.ts";

const READ_BYTES = 256 * 1024;

/**
 * Downloads by asking each node's daemon through its socket from this process. The content is compared by a
 * cheap checksum as it comes, and later read once more from the daemon for its digest.
 */
export const socketClient: DownloadClient = {
  async download(order, onBytes, signal) {
    let checksum = 0;
    await eachPart(order, signal, (bytes) => {
      checksum = crc32(bytes, checksum);
      onBytes(bytes.length);
    });
    if (checksum !== order.file.crc32) {
      throw new Error(`node ${order.node.index} handed out wrong content of ${order.file.name}`);
    }
  },
  async verify(order, signal) {
    const hash = createHash("sha256");
    await eachPart(order, signal, (bytes) => void hash.update(bytes));
    checkDigest(order.node, order.file, `sha256:${hash.digest("hex")}`);
  },
};

/** Throws a sentence when a node's copy of a file has another digest than the file. */
export function checkDigest(node: FleetNode, file: OriginFile, digest: string): void {
  if (digest === file.digest) return;
  throw new Error(`node ${node.index} has ${file.name} as ${digest}, it should be ${file.digest}`);
}

/** Calls `take` for the content as it comes, and resolves when the daemon has said that it is complete. */
async function eachPart(
  order: DownloadOrder,
  signal: AbortSignal,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  signal.throwIfAborted();
  const { node, file } = order;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  let isCompleted = false;
  const answer = new DownloadAnswer({
    onContent: take,
    onEvent: ({ event, code, message }) => {
      if (event === "completed") isCompleted = true;
      if (event === "failed") throw new Error(`${String(code)}, ${String(message)}`);
    },
  });
  const fail = (error: unknown): void => {
    reject(
      new Error(`node ${node.index} failed to hand out ${file.name}: ${String(error)}`, {
        cause: error,
      }),
    );
  };
  const attempt = (work: () => void): void => {
    try {
      work();
    } catch (error) {
      fail(error);
      socket.destroy();
    }
  };
  const socket = connect({
    path: node.socketPath,
    onread: {
      buffer: Buffer.alloc(READ_BYTES),
      callback: (length, buffer) => {
        attempt(() => answer.push(buffer.subarray(0, length)));
        return true;
      },
    },
  });
  const abort = (): void => {
    reject(signal.reason);
    socket.destroy();
  };
  signal.addEventListener("abort", abort, { once: true });
  socket.on("error", fail);
  socket.on("close", () => {
    attempt(() => {
      answer.end();
      if (!isCompleted) throw new Error("the daemon broke off");
      resolve();
    });
  });
  socket.write(requestText(order));
  try {
    await promise;
  } finally {
    signal.removeEventListener("abort", abort);
    socket.destroy();
  }
}

function requestText({ url, file, pieceLengthBytes }: DownloadOrder): string {
  const request: DownloadRequest = {
    url,
    digest: file.digest,
    ...(pieceLengthBytes === undefined ? {} : { pieceLengthBytes }),
  };
  const body = JSON.stringify(request);
  return [
    "POST /v1/downloads HTTP/1.0",
    "host: bench",
    "content-type: application/json",
    `content-length: ${Buffer.byteLength(body)}`,
    "",
    body,
  ].join("\r\n");
}
