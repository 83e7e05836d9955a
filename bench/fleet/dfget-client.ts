import { beginProgram } from "../../test/harness/darter-programs.ts";
import { fileDigest } from "../../test/harness/seeded-bytes.ts";
import type { DownloadClient, DownloadOrder } from "./download-client.ts";
import { checkDigest } from "./socket-client.ts";

/**
 * Downloads by a real dfget process for each file, on the node's host, into a file. The start of the process counts;
 * when half has come is known to half a second, as often as dfget tells.
 */
export const dfgetClient: DownloadClient = {
  async download(order, onBytes, signal) {
    const { node, file } = order;
    await using child = await beginProgram("dfget", {
      name: `dfget on node ${node.index}`,
      args: [
        order.url,
        "--output",
        target(order),
        "--socket",
        node.socketPath,
        "--digest",
        file.digest,
        "--json",
      ],
      networkNamespace: node.networkNamespace,
    });
    let toldBytes = 0;
    const forget = child.stdout.onLine((line) => {
      const writtenBytes = writtenBytesOf(line);
      if (writtenBytes === undefined || writtenBytes <= toldBytes) return;
      onBytes(writtenBytes - toldBytes);
      toldBytes = writtenBytes;
    });
    const kill = (): void => void child.killHard();
    signal.addEventListener("abort", kill, { once: true });
    const exit = await child.exited;
    signal.removeEventListener("abort", kill);
    forget();
    signal.throwIfAborted();
    if (exit.code !== 0) {
      throw new Error(`${child.name} ended with ${exit.signal ?? exit.code}\n${child.lastWords()}`);
    }
    onBytes(file.lengthBytes - toldBytes);
  },
  async verify(order) {
    checkDigest(order.node, order.file, await fileDigest(target(order)));
  },
};

function target({ node, file }: DownloadOrder): string {
  return `${node.homeDirectory}/${file.name}`;
}

function writtenBytesOf(line: string): number | undefined {
  const event = JSON.parse(line) as { event?: unknown; writtenBytes?: unknown };
  return event.event === "progress" && typeof event.writtenBytes === "number"
    ? event.writtenBytes
    : undefined;
}
