/** What a registry asks of clients without a token, from its WWW-Authenticate header (RFC 6750, 3). */
export interface BearerChallenge {
  /** Where tokens come from, http or https. */
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scope: string | undefined;
}

const CHALLENGE_LENGTH_MAX = 4096;

/** Reads the Bearer challenge of a WWW-Authenticate header. Returns undefined when there is no usable one. */
export function parseBearerChallenge(header: string): BearerChallenge | undefined {
  if (header.length > CHALLENGE_LENGTH_MAX) return undefined;
  const start = /(?:^|,)\s*bearer\s+/i.exec(header);
  if (!start) return undefined;
  const parameters = readParameters(header, start.index + start[0].length);
  const realm = URL.parse(parameters.get("realm") ?? "");
  if (!realm || (realm.protocol !== "https:" && realm.protocol !== "http:")) return undefined;
  return { realm, service: parameters.get("service"), scope: parameters.get("scope") };
}

function readParameters(header: string, from: number): Map<string, string> {
  const parameters = new Map<string, string>();
  const parameter = /\s*,?\s*([A-Za-z_]+)=(?:"((?:[^"\\]|\\.)*)"|([^\s",]+))/y;
  parameter.lastIndex = from;
  for (;;) {
    const match = parameter.exec(header);
    if (!match) return parameters;
    const value = match[2] === undefined ? match[3]! : match[2].replaceAll(/\\(.)/g, "$1");
    parameters.set(match[1]!.toLowerCase(), value);
  }
}
