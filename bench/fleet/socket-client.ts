import { createHash } from "node:crypto";
import { crc32 } from "node:zlib";

import { DaemonClient } from "../../dfget/cli/daemon-client.ts";
import type { DownloadRequest } from "../../dfget/daemon/api-schema.ts";
import type { FleetNode } from "../../test/harness/fleet.ts";
import type { DownloadClient, DownloadOrder } from "./download-client.ts";
import type { OriginFile } from "./origin-files.ts";

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

async function eachPart(
  order: DownloadOrder,
  signal: AbortSignal,
  take: (bytes: Uint8Array) => void,
): Promise<void> {
  const { node, file } = order;
  const request: DownloadRequest = {
    url: order.url,
    digest: file.digest,
    ...(order.pieceLengthBytes === undefined ? {} : { pieceLengthBytes: order.pieceLengthBytes }),
  };
  const parts = await new DaemonClient(node.socketPath).download(request, signal);
  let isCompleted = false;
  for await (const part of parts) {
    if (part.kind === "content") take(part.bytes);
    else if (part.event.event === "completed") isCompleted = true;
    else if (part.event.event === "failed") {
      throw new Error(
        `node ${node.index} failed to download ${file.name}: ${part.event.code}, ${part.event.message}`,
      );
    }
  }
  if (!isCompleted) throw new Error(`the daemon of node ${node.index} broke off`);
}
