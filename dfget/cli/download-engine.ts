import type { DownloadRequest } from "../daemon/api-schema.ts";
import type { DownloadPart } from "../daemon/download-frames.ts";
import type { FileReporter } from "./reporter.ts";

/** What comes of a download, in turn; of a small file it is all there at once. */
export type DownloadParts = AsyncIterable<DownloadPart> | Iterable<DownloadPart>;

/** Where somebody may put a whole content in place of sending it. */
export interface Placing {
  /** Whether it may be another name of his own file. */
  readonly mayBeLink: boolean;
  /** Undefined where that is no use. Asked for when it is told to him: most small files need no such place. */
  path(): string | undefined;
}

/** Gets content: through the daemon, or from the origin itself. */
export interface DownloadEngine {
  /**
   * Begins an attempt; what is returned must be read to its end or left with `return`. Throws BrokenOffError where
   * another attempt may help, UserError, or the signal's reason.
   */
  begin(
    request: DownloadRequest,
    reporter: Pick<FileReporter, "note">,
    signal: AbortSignal,
    placing?: Placing,
  ): Promise<DownloadParts>;
}
