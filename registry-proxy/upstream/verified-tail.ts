import { DigestCheck } from "../../platform/digest-check.ts";
import type { Digest } from "../../protocol/digest.ts";
import { ProtocolError } from "../../protocol/protocol-error.ts";

/** How much of the end of a content is held back until the whole is proven. */
export const TAIL_LENGTH_BYTES = 64 * 1024;

/**
 * Passes bytes on while it computes their digest. The last {@link TAIL_LENGTH_BYTES} come only after the whole
 * matched; throws ProtocolError DIGEST_MISMATCH instead of them. A view is valid until the next step.
 */
export async function* verifiedTail(
  content: AsyncIterable<Uint8Array>,
  digest: Digest,
  registry: string,
): AsyncGenerator<Uint8Array> {
  const check = new DigestCheck(digest);
  const held: Uint8Array[] = [];
  let heldBytes = 0;
  for await (const chunk of content) {
    check.update(chunk);
    held.push(Uint8Array.from(chunk));
    heldBytes += chunk.length;
    while (held.length > 0 && heldBytes - held[0]!.length >= TAIL_LENGTH_BYTES) {
      const first = held.shift()!;
      heldBytes -= first.length;
      yield first;
    }
  }
  const { actual, matches } = check.finish();
  if (!matches) {
    const message = `the registry ${registry} sent other content than ${digest} (it is ${actual}); have its copy repaired`;
    throw new ProtocolError("DIGEST_MISMATCH", message);
  }
  yield* held;
}
