import type { Exchange } from "./exchange.ts";

/**
 * Whether the client has the content already, as it says by If-None-Match (RFC 9110, 13.1.2), so that 304 is the answer. Asked
 * only about content that would be sent otherwise.
 */
export function hasAlready(exchange: Exchange, digest: string): boolean {
  const listed = exchange.header("if-none-match")?.split(",") ?? [];
  return listed.some((entry) => {
    const tag = entry.trim().replace(/^W\//, "");
    return tag === "*" || tag === `"${digest}"`;
  });
}

/** Answers that the client's copy is right. */
export function sendNotModified(exchange: Exchange, digest: string): void {
  exchange.begin(304, { "docker-content-digest": digest, etag: `"${digest}"` });
  exchange.end();
}
