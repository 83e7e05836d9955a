import type { FleetNode } from "../../test/harness/fleet.ts";
import type { OriginFile } from "./origin-files.ts";

/** One file for one node. */
export interface DownloadOrder {
  readonly node: FleetNode;
  readonly file: OriginFile;
  readonly url: string;
  readonly pieceLengthBytes: number | undefined;
}

/** Something that downloads through the daemon of a node, as a user would. */
export interface DownloadClient {
  /** Resolves when the client has everything; tells of bytes as they come. Throws when it fails or is aborted. */
  download(
    order: DownloadOrder,
    onBytes: (lengthBytes: number) => void,
    signal: AbortSignal,
  ): Promise<void>;
  /** Compares what has been downloaded with the file's digest; throws when it is another one. */
  verify(order: DownloadOrder, signal: AbortSignal): Promise<void>;
}
