import { ProtocolError } from "../../protocol/protocol-error.ts";

/** What the length of a chunk may take, with its extensions. */
const SIZE_LINE_BYTES_MAX = 256;

/**
 * The content of an HTTP answer that comes in chunks, as views that are valid until the next one. `ended` is called once: with
 * true when the answer was read to its end and nothing follows. Throws ProtocolError PROTOCOL_GARBAGE for anything else, and an
 * error when it breaks off.
 */
export async function* chunkedBody(
  chunks: AsyncIterator<Uint8Array>,
  rest: Uint8Array,
  ended: (isWhole: boolean) => void,
): AsyncGenerator<Uint8Array> {
  let held = Buffer.from(rest.buffer, rest.byteOffset, rest.length);
  let isWhole = false;
  const more = async (): Promise<void> => {
    const next = await chunks.next();
    if (next.done === true) throw new Error("the answer ends in the middle");
    held = held.length === 0 ? (next.value as Buffer) : Buffer.concat([held, next.value]);
  };
  const skipLineEnd = async (): Promise<void> => {
    while (held.length < 2) await more();
    if (held.toString("latin1", 0, 2) !== "\r\n") throw garbage();
    held = held.subarray(2);
  };
  try {
    for (;;) {
      let end = held.indexOf("\r\n");
      for (; end < 0; end = held.indexOf("\r\n")) {
        if (held.length > SIZE_LINE_BYTES_MAX) throw garbage();
        await more();
      }
      const size = /^[0-9a-f]{1,12}(?=;|$)/i.exec(held.toString("latin1", 0, end))?.[0];
      if (size === undefined) throw garbage();
      held = held.subarray(end + 2);
      let leftBytes = Number.parseInt(size, 16);
      if (leftBytes === 0) {
        await skipLineEnd();
        isWhole = held.length === 0;
        return;
      }
      while (leftBytes > 0) {
        if (held.length === 0) await more();
        const part = held.subarray(0, leftBytes);
        held = held.subarray(part.length);
        leftBytes -= part.length;
        yield part;
      }
      await skipLineEnd();
    }
  } finally {
    ended(isWhole);
  }
}

function garbage(): ProtocolError {
  return new ProtocolError("PROTOCOL_GARBAGE", "the answer is no HTTP");
}
