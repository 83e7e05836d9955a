import { parseContentRange } from "../../protocol/byte-range.ts";
import type { OriginResponse } from "./origin-request.ts";

/** What an origin says about one version of a content. */
export interface OriginVersion {
  readonly lengthBytes: number | undefined;
  readonly etag: string | undefined;
  readonly lastModified: string | undefined;
}

/** What an origin says about a content. */
export interface OriginMetadata extends OriginVersion {
  readonly mediaType: string | undefined;
  readonly acceptsRanges: boolean;
  /** Where it was found after redirects; may hold secrets in its query. */
  readonly finalUrl: string;
}

/** Reads the metadata of an answer; the length is that of the whole content, whatever part was sent. */
export function metadataOf(response: OriginResponse): OriginMetadata {
  const range =
    response.status === 206 ? parseContentRange(response.header("content-range")) : undefined;
  return {
    lengthBytes: response.status === 206 ? range?.completeLengthBytes : contentLength(response),
    etag: shortText(response.header("etag")),
    lastModified: shortText(response.header("last-modified")),
    mediaType: plainText(response.header("content-type")),
    acceptsRanges: response.status === 206 || response.header("accept-ranges") === "bytes",
    finalUrl: response.finalUrl,
  };
}

/** The length that an answer gives its body; undefined for a chunked one. */
export function contentLength(response: OriginResponse): number | undefined {
  const header = response.header("content-length") ?? "";
  return /^\d{1,15}$/.test(header) ? Number(header) : undefined;
}

/** The validator for If-Range, which must be a strong one (RFC 9110, 13.1.5); undefined when there is none. */
export function strongValidator(version: OriginVersion): string | undefined {
  return isStrong(version.etag) ? version.etag : version.lastModified;
}

/**
 * What names a version among all versions of its URL: a strong ETag, else Last-Modified and length; undefined
 * when the origin says too little.
 */
export function versionName(version: OriginVersion): string | undefined {
  if (isStrong(version.etag)) return `etag ${version.etag}`;
  if (version.lastModified === undefined || version.lengthBytes === undefined) return undefined;
  return `modified ${version.lastModified} length ${version.lengthBytes}`;
}

/** Whether two answers speak of the same version, as far as both say anything; "unknown" when they do not. */
export function compareVersions(
  a: OriginVersion,
  b: OriginVersion,
): "same" | "changed" | "unknown" {
  if (differ(a.lengthBytes, b.lengthBytes)) return "changed";
  if (a.etag !== undefined && b.etag !== undefined) return a.etag === b.etag ? "same" : "changed";
  if (differ(a.lastModified, b.lastModified)) return "changed";
  const comparable = [
    [a.lastModified, b.lastModified],
    [a.lengthBytes, b.lengthBytes],
  ];
  return comparable.some(([x, y]) => x !== undefined && x === y) ? "same" : "unknown";
}

function differ<T>(a: T | undefined, b: T | undefined): boolean {
  return a !== undefined && b !== undefined && a !== b;
}

function isStrong(etag: string | undefined): boolean {
  return etag !== undefined && !etag.startsWith("W/");
}

/** Origins may send anything; what is kept and passed on to nodes is short. */
function shortText(text: string | undefined): string | undefined {
  return text === undefined || text === "" || text.length > 256 ? undefined : text;
}

/** As `shortText`, and one byte for each character in frames and headers. */
function plainText(text: string | undefined): string | undefined {
  return text !== undefined && /^[\x20-\x7e]*$/.test(text) ? shortText(text) : undefined;
}
