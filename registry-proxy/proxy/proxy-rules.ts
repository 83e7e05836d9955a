/** What happens to requests for some URLs. */
export interface ProxyRule {
  /** Tried on the whole URL. */
  readonly match: RegExp;
  /** Whether what it matches goes through the swarm. */
  readonly isShared: boolean;
  /** Whether the origin is asked by HTTPS, whatever the client said. */
  readonly isHttps: boolean;
  /** The host, perhaps with a port, that is asked instead. */
  readonly redirect: string | undefined;
  /** Query parameters that tell nothing about the content, such as signatures. */
  readonly filter: readonly string[];
}

/** Where a request goes, and how. */
export interface ProxyDecision {
  readonly url: URL;
  /** Through the swarm, for whoever asks for the same; else straight to the origin. */
  readonly isShared: boolean;
  readonly filter: readonly string[];
}

/**
 * Decides about a request by the first rule that matches its URL; what no rule matches goes straight to its origin. Only GET
 * is ever shared.
 */
export function decide(rules: readonly ProxyRule[], method: string, url: URL): ProxyDecision {
  const rule = rules.find(({ match }) => match.test(url.href));
  if (!rule) return { url, isShared: false, filter: [] };
  const target = new URL(url);
  if (rule.isHttps && target.protocol === "http:") {
    const port = target.port;
    target.protocol = "https:";
    // The usual port of HTTP is not that of HTTPS; another one was meant.
    target.port = port;
  }
  if (rule.redirect !== undefined) {
    target.port = "";
    target.host = rule.redirect;
  }
  return { url: target, isShared: rule.isShared && method === "GET", filter: rule.filter };
}
