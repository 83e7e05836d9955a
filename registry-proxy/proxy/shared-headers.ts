import type { IncomingHttpHeaders } from "node:http";

/** Headers that say nothing about which content is wanted, or are ours to set. */
const PERSONAL = new Set([
  "accept-encoding",
  "cache-control",
  "connection",
  "content-length",
  "dnt",
  "forwarded",
  "host",
  "if-range",
  "keep-alive",
  "origin",
  "pragma",
  "priority",
  "range",
  "referer",
  "te",
  "traceparent",
  "tracestate",
  "upgrade-insecure-requests",
  "user-agent",
  "via",
]);

/**
 * The headers of a request by which its content is asked for, and by which it is told from others: all that may be a credential
 * or choose between versions. Two requests that differ in one of them never share.
 */
export function sharedHeaders(headers: IncomingHttpHeaders): Map<string, string> {
  const shared = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const isPersonal =
      PERSONAL.has(name) || /^(?:proxy|sec|x-forwarded)-/.test(name) || isAnything(name, value);
    if (value !== undefined && !isPersonal) {
      shared.set(name, Array.isArray(value) ? value.join(", ") : value);
    }
  }
  return shared;
}

/** Most programs say that they take anything, some say nothing and mean it. */
function isAnything(name: string, value: string | string[] | undefined): boolean {
  return name === "accept" && (value === "*/*" || value === "");
}

/** Whether a request may be answered by the swarm: a plain GET of a whole, or of a part of it. */
export function isShareable(headers: IncomingHttpHeaders): boolean {
  const hasBody =
    headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0;
  // What these ask only the origin can tell.
  const isConditional = Object.keys(headers).some((name) => name.startsWith("if-"));
  return !hasBody && !isConditional && headers.upgrade === undefined;
}
