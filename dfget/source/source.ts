import type { OriginFetch } from "../../platform/origin/origin-request.ts";
import type { Checksum } from "../cli/checksum.ts";
import type { SourceOptions } from "./source-options.ts";

/** A file behind a URL, and what is known of it beforehand. */
export interface WantedFile {
  /** http or https. */
  readonly url: string;
  /** Sent besides those of the user. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly checksum?: Checksum;
  /** Query parameters that do not tell files apart. */
  readonly filter?: readonly string[];
  /** Where it goes, below the output directory; named by the URL when absent. */
  readonly path?: string;
}

/**
 * What a source finds: a file to download, a file whose content it knows already, a directory, or something that
 * cannot be had, with a sentence for the user.
 */
export type FoundEntry =
  | ({ readonly kind: "file" } & WantedFile)
  | { readonly kind: "content"; readonly path: string; readonly content: Uint8Array }
  | { readonly kind: "directory"; readonly path: string }
  | { readonly kind: "left-out"; readonly sentence: string };

/** What a source works with. */
export interface SourceDeps {
  readonly fetch: OriginFetch;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly options: SourceOptions;
  /** The headers of the user. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A kind of place that files come from. `find` turns one of its URLs into files that can be had by HTTP, in any
 * order. Throws UserError for a URL that is none of its own and for what is not there, ProtocolError as the place
 * answers, and the signal's reason. Paths are relative, and safe to be joined to a directory.
 */
export interface Source {
  /** The schemes of its URLs, with ":". */
  readonly schemes: readonly string[];
  find(url: string, deps: SourceDeps, signal: AbortSignal): AsyncIterable<FoundEntry>;
}
