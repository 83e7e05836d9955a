import { EXIT, UserError } from "../../platform/user-error.ts";
import type { OriginFetch, OriginResponse } from "../../platform/origin/origin-request.ts";

/** The largest listing or manifest that is read. */
export const LISTING_BYTES_MAX = 32 * 1024 * 1024;

/** A text that was fetched, and the headers that came with it. */
export interface FetchedText {
  readonly text: string;
  readonly bytes: Uint8Array;
  readonly response: OriginResponse;
}

/** Gets a text of at most 32 MiB. Throws ProtocolError as the place answers, UserError when it is longer. */
export async function fetchText(
  fetch: OriginFetch,
  url: string,
  headers: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<FetchedText> {
  const request = { method: "GET", url, headers: new Map(Object.entries(headers)) } as const;
  const response = await fetch(request, signal);
  const chunks: Uint8Array[] = [];
  let lengthBytes = 0;
  try {
    for await (const chunk of response.body) {
      lengthBytes += chunk.length;
      if (lengthBytes > LISTING_BYTES_MAX) {
        throw new UserError(
          EXIT.originFailed,
          "a listing is longer than 32 MiB; ask for less at once",
        );
      }
      chunks.push(new Uint8Array(chunk));
    }
  } finally {
    response.dispose();
  }
  const bytes = Buffer.concat(chunks);
  return { text: bytes.toString("utf8"), bytes, response };
}
