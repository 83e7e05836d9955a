/** One request as a server's access log tells it; bytes are those of the body sent. */
export interface AccessRecord {
  readonly remoteAddress: string;
  readonly method: string;
  /** Path and query, as the client sent them. */
  readonly path: string;
  readonly status: number;
  readonly bytes: number;
  readonly userAgent: string;
}

const COMBINED =
  /^(\S+) \S+ \S+ \[[^\]]+\] "(\S+) (\S+) [^"]*" (\d{3}) (\d+|-) "(?:[^"\\]|\\.)*" "((?:[^"\\]|\\.)*)"/;

/** Reads one line of the combined log format, or returns undefined for any other line. */
export function parseAccessLine(line: string): AccessRecord | undefined {
  const match = COMBINED.exec(line);
  if (match === null) return undefined;
  const [, remoteAddress = "", method = "", path = "", status, bytes, userAgent = ""] = match;
  return {
    remoteAddress,
    method,
    path,
    status: Number(status),
    bytes: bytes === "-" ? 0 : Number(bytes),
    userAgent,
  };
}

/** All requests of a log text; lines of another form are passed over. */
export function parseAccessLog(text: string): readonly AccessRecord[] {
  return text
    .split("\n")
    .map(parseAccessLine)
    .filter((record) => record !== undefined);
}

/** How often each blob was asked for with GET, by digest, in a registry's log. */
export function blobGets(records: readonly AccessRecord[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const record of records) {
    const digest = /^\/v2\/.+\/blobs\/(sha(?:256|512):[0-9a-f]+)/.exec(record.path)?.[1];
    if (digest === undefined || record.method !== "GET") continue;
    counts.set(digest, (counts.get(digest) ?? 0) + 1);
  }
  return counts;
}
