import type { OriginResponse } from "../../platform/origin/origin-request.ts";
import { contentLength } from "../../platform/origin/origin-version.ts";
import type { ByteRange } from "../../protocol/byte-range.ts";
import { parseContentRange } from "../../protocol/byte-range.ts";
import type { Digest } from "../../protocol/digest.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";
import type { TaskId } from "../../protocol/task-id.ts";
import type { UpstreamRequest } from "./upstream-client.ts";
import { verifiedTail } from "./verified-tail.ts";

/** Asks the upstream of one repository, with whatever rights the caller has. */
export type RepositoryFetch = (
  request: UpstreamRequest,
  signal: AbortSignal,
) => Promise<OriginResponse>;

/** Content by digest, as one caller may have it: its task in the swarm, and the way to its registry. */
export interface OriginContent {
  readonly fetch: RepositoryFetch;
  /** For messages. */
  readonly registry: string;
  /** After the repository's name, `blobs/<digest>`. */
  readonly path: string;
  readonly digest: Digest;
  readonly taskId: TaskId;
  readonly accept?: string | undefined;
}

/** The length of a content, by HEAD; undefined when the registry does not tell. Throws ProtocolError. */
export async function originLength(
  content: OriginContent,
  signal: AbortSignal,
): Promise<number | undefined> {
  const { path, accept } = content;
  const head = await content.fetch({ method: "HEAD", path, accept }, signal);
  head.dispose();
  return contentLength(head);
}

/**
 * Reads a content, or a range of it, from its registry, beginning `skipBytes` later. The whole is checked
 * against the digest, its end being held back until then; a part cannot be. Throws ProtocolError.
 */
export async function* readOrigin(
  content: OriginContent,
  range: ByteRange | undefined,
  skipBytes: number,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const { path, accept, digest, registry } = content;
  if (range === undefined) {
    // Read from the start even when the client has some of it: the digest needs every byte.
    const answer = await content.fetch({ method: "GET", path, accept }, signal);
    try {
      yield* slice(verifiedTail(answer.body, digest, registry), skipBytes, Infinity);
    } finally {
      answer.dispose();
    }
    return;
  }
  const firstByte = range.firstByte + skipBytes;
  const wanted = range.lastByte - firstByte + 1;
  if (wanted <= 0) return;
  const part = { firstByte, lastByte: range.lastByte };
  const answer = await content.fetch({ method: "GET", path, accept, range: part }, signal);
  try {
    const isPart = answer.status === 206;
    if (isPart && parseContentRange(answer.header("content-range"))?.firstByte !== firstByte) {
      const message = `the registry ${registry} sent another part than was asked for; try again later`;
      throw new ProtocolError("ORIGIN_FAILED", message);
    }
    yield* slice(answer.body, isPart ? 0 : firstByte, wanted);
  } finally {
    answer.dispose();
  }
}

/** The bytes from `skipBytes` on, at most `lengthBytes` of them. */
async function* slice(
  chunks: AsyncIterable<Uint8Array>,
  skipBytes: number,
  lengthBytes: number,
): AsyncGenerator<Uint8Array> {
  let skip = skipBytes;
  let left = lengthBytes;
  for await (const chunk of chunks) {
    const from = Math.min(skip, chunk.length);
    skip -= from;
    const bytes = chunk.subarray(from, Math.min(chunk.length, from + left));
    left -= bytes.length;
    if (bytes.length > 0) yield bytes;
    if (left === 0) return;
  }
}
